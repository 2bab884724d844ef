import type { Explanation } from '../model/report.ts';
import { type CliContext, exitCodes } from './context.ts';

export interface WhyOptions {
  readonly kind: 'tasks' | 'services' | 'dns' | 'ports';
  readonly reference: string;
  /** For `dns`: the task that asks. */
  readonly from?: string;
}

/**
 * `tutti why task|service|dns|port REFERENCE`: the rows behind a state or an answer, in sentences.
 */
export async function why(context: CliContext, options: WhyOptions): Promise<number> {
  const query = options.from === undefined ? '' : `?from=${encodeURIComponent(options.from)}`;
  const { output, signal } = context;
  const explanation = await context.client.call<Explanation>({
    method: 'GET',
    path: `/tutti/v1/${options.kind}/${encodeURIComponent(options.reference)}/why${query}`,
    signal,
  });
  if (context.json) {
    output.write(`${JSON.stringify(explanation)}\n`);
    return exitCodes.success;
  }
  const { subject, lines, hint } = explanation;
  const hints = hint === undefined ? [] : [`${output.paint('cyan', 'hint:')} ${hint}`];
  const all = [...lines, ...hints].map((line) => `  ${line}`);
  output.write(`${[output.paint('bold', subject), ...all].join('\n')}\n`);
  return exitCodes.success;
}
