const maxColumns = 100;

/** A comment line: its indentation and mark, the mark of a list, and its words. */
const commentLine = /^(\s*(?:\*|\/\/) )(\s*(?:- |\d+\. |@\w+ )?)(.*)$/;
const commentOfOneLine = /^(\s*)\/\*\* (.*) \*\/$/;
/** What a line that is too long may not flow into: lists, tags, tables, code, directives. */
const startsAnew = /^\s*(?:[-@|`#/]|\d+\. |$|oxlint-|biome-)/;

/**
 * Breaks the lines of comments that are too long for the repository, which the formatter leaves
 * alone. A line flows into the next of its paragraph; lines that fit stay as they are.
 */
export function wrapComments(text: string): string {
  const rest = text.split('\n').toReversed();
  const lines: string[] = [];
  for (let line = rest.pop(); line !== undefined; line = rest.pop()) {
    const parts = line.length > maxColumns ? breakLine(line, rest.at(-1) ?? '') : undefined;
    if (parts === undefined) {
      lines.push(line);
      continue;
    }
    if (parts.usedNext) rest.pop();
    rest.push(...parts.lines.toReversed());
    // The first part fits by construction, unless it is a comment that became three lines.
    if (!parts.again) lines.push(rest.pop() ?? '');
  }
  return lines.join('\n');
}

interface BrokenLine {
  readonly lines: readonly string[];
  /** Whether the next line is part of what is returned. */
  readonly usedNext: boolean;
  /** Whether the lines are to be looked at again from the first. */
  readonly again: boolean;
}

function breakLine(line: string, next: string): BrokenLine | undefined {
  const [, indentation, words] = commentOfOneLine.exec(line) ?? [];
  if (indentation !== undefined) {
    const lines = [`${indentation}/**`, `${indentation} * ${words}`, `${indentation} */`];
    return { lines, usedNext: false, again: true };
  }
  const [, mark, lead, rest] = commentLine.exec(line) ?? [];
  if (mark === undefined || lead === undefined || rest === undefined) return undefined;
  const start = mark.length + lead.length;
  const breakAt = findBreak(line, start);
  if (breakAt <= start) return undefined;
  const hanging = lead.startsWith('@') ? '  ' : ' '.repeat(lead.length);
  const head = line.slice(0, breakAt);
  const tail = `${mark}${hanging}${line.slice(breakAt + 1)}`;
  const nextWords = next.startsWith(mark) ? next.slice(mark.length) : '';
  const flows = !startsAnew.test(nextWords) && indentationOf(nextWords) === hanging.length;
  return flows
    ? { lines: [head, `${tail} ${nextWords.trimStart()}`], usedNext: true, again: false }
    : { lines: [head, tail], usedNext: false, again: false };
}

/** The last space that fits and that does not stand between backticks. */
function findBreak(line: string, start: number): number {
  let breakAt = line.lastIndexOf(' ', maxColumns);
  while (breakAt > start && (line.slice(0, breakAt).split('`').length - 1) % 2 === 1) {
    breakAt = line.lastIndexOf(' ', breakAt - 1);
  }
  return breakAt;
}

function indentationOf(words: string): number {
  return words.length - words.trimStart().length;
}
