import type { Explanation } from '../model/report.ts';
import { type CliContext, exitCodes } from './context.ts';

export interface WhyOptions {
  readonly kind: 'tasks' | 'services' | 'dns';
  readonly reference: string;
  /** For `dns`: the task that asks. */
  readonly from?: string;
}

/** `tutti why task|service|dns REFERENCE`: the rows behind a state or an answer, in sentences. */
export async function why(context: CliContext, options: WhyOptions): Promise<number> {
  const query = options.from === undefined ? '' : `?from=${encodeURIComponent(options.from)}`;
  const explanation = await context.client.call<Explanation>({
    method: 'GET',
    path: `/tutti/v1/${options.kind}/${encodeURIComponent(options.reference)}/why${query}`,
  });
  if (context.json) context.output.write(`${JSON.stringify(explanation)}\n`);
  else {
    const hint = explanation.hint === undefined ? [] : [`hint: ${explanation.hint}`];
    const lines = [...explanation.lines, ...hint].map((line) => `  ${line}`);
    context.output.write(`${[explanation.subject, ...lines].join('\n')}\n`);
  }
  return exitCodes.success;
}
