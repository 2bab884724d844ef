import { TuttiError } from '../lib/error.ts';

const token = /\\\n|\\([^])|'([^']*)'|"((?:\\[^]|[^"\\])*)"|(\s+)|(["'])|([^\s"'\\]+)/gy;
const escapedInQuotes = /\\(["\\$`\n])/g;

/**
 * Splits a command line into words as a POSIX shell does: quotes and backslashes are understood,
 * nothing is expanded. Compose uses it for `command: some text`.
 *
 * @throws TuttiError `invalid-argument` when a quote is never closed.
 */
export function shellWords(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const match of line.matchAll(token)) {
    const [, escaped, single, double, space, open, plain] = match;
    if (open !== undefined) {
      throw new TuttiError('invalid-argument', `the ${open} quote in \`${line}\` is never closed`);
    }
    if (space !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    const quoted = double?.replace(escapedInQuotes, (_, one: string) => (one === '\n' ? '' : one));
    word = (word ?? '') + (escaped ?? single ?? quoted ?? plain ?? '');
  }
  if (word !== undefined) words.push(word);
  return words;
}
