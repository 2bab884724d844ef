import { TuttiError } from '../lib/error.ts';

/**
 * Splits a command line into words as a POSIX shell does: quotes and backslashes are understood, nothing is
 * expanded. Compose uses it for `command: some text`.
 *
 * @throws TuttiError `invalid-argument` when a quote is never closed.
 */
export function shellWords(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let index = 0; index < line.length; index += 1) {
    const character = line[index] ?? '';
    if (quote === "'") {
      if (character === "'") quote = '';
      else word += character;
    } else if (character === '\\') {
      index += 1;
      const next = line[index] ?? '';
      const literal = quote === '"' && !'"\\$`\n'.includes(next);
      if (next !== '\n') word = (word ?? '') + (literal ? `\\${next}` : next);
    } else if (quote === '"') {
      if (character === '"') quote = '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== '') {
    throw new TuttiError('invalid-argument', `the ${quote} quote in \`${line}\` is never closed`);
  }
  if (word !== undefined) words.push(word);
  return words;
}
