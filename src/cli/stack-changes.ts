import type { CompiledStack } from '../compose/compile.ts';
import type { Finding } from '../compose/findings.ts';
import { TuttiError } from '../lib/error.ts';
import type { StackAction, StackChange, StackDeclaration } from '../model/stack.ts';
import type { CliContext } from './context.ts';
import type { Colour, Paint } from './paint.ts';

/**
 * Tells what a document says without effect, once for each; resolves to the same for programs.
 *
 * @throws TuttiError `invalid-argument` with all of them when the caller is strict.
 */
export function tellWarnings(
  { json, output }: CliContext,
  found: { readonly compiled: CompiledStack; readonly strict: boolean },
): readonly Pick<Finding, 'path' | 'message'>[] {
  const { warnings } = found.compiled;
  const lines = warnings.map((warning) => `${warning.path}: ${warning.message}`);
  if (found.strict && lines.length > 0) {
    throw new TuttiError('invalid-argument', lines.join('\n'), {
      ...(warnings[0] !== undefined && { field: warnings[0].path }),
      hint: 'Without --strict these are warnings.',
    });
  }
  const word = output.notePaint('yellow', 'warning:');
  if (!json) for (const line of lines) output.note(`${word} ${line}\n`);
  return warnings.map(({ path, message }) => ({ path, message }));
}

/** Of a request to the daemon. */
const largestRequestBytes = 4 * 1024 * 1024;

/**
 * What a deploy or a plan asks for.
 *
 * @throws TuttiError `invalid-argument` where its files are too large together.
 */
export function stackRequest(
  declaration: StackDeclaration,
  { prune }: { readonly prune: boolean },
): { readonly declaration: StackDeclaration; readonly prune: boolean } {
  const request = { declaration, prune };
  const sizeBytes = Buffer.byteLength(JSON.stringify(request));
  if (sizeBytes <= largestRequestBytes) return request;
  throw new TuttiError(
    'invalid-argument',
    `configs: configs and secrets of the stack ${declaration.name} are too large together, ` +
      `${sizeBytes} bytes as they are sent of at most ${largestRequestBytes}`,
    { field: 'configs', hint: 'Put large files into the image or into a volume.' },
  );
}

const colours: Readonly<Record<StackAction, Colour>> = {
  create: 'green',
  update: 'yellow',
  remove: 'red',
  keep: 'dim',
};

/** `update service st_web (image: a → b)`. */
export function describeChange(change: StackChange, paint: Paint): string {
  const details = change.differences.length > 0 ? ` (${change.differences.join('; ')})` : '';
  return `${paint(colours[change.action], change.action)} ${change.kind} ${change.name}${details}`;
}
