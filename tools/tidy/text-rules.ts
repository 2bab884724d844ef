import type { Finding } from './finding.ts';
import type { SourceFile } from './source.ts';

const maxColumns = 100;
const maxLines = 500;
/** Put together here, so that these lines do not name them. */
const unfinished = new RegExp(`\\b(${['TO', 'FIX'].join('DO|')}ME|X{3})\\b`);

/** A literal that fills the line: a test's title, a sentence for a person, an expression. */
const unbreakable = /'[^']{60,}'|`[^`]{50,}`|\/[^/]{60,}\//;

/** Sizes, and notes that something is not done. */
export function checkText(file: SourceFile): readonly Finding[] {
  const { path, text } = file;
  const lines = text.split('\n');
  const findings: Finding[] = [];
  if (file.syntax !== undefined && lines.length - 1 > maxLines) {
    const message = `${lines.length - 1} lines; the limit is ${maxLines}: a file is one thing.`;
    findings.push({ rule: 'file-length', path, line: maxLines + 1, message });
  }
  for (const [index, line] of lines.entries()) {
    const at = { path, line: index + 1 };
    const columns = Array.from(line).length;
    if (file.syntax !== undefined && columns > maxColumns && !unbreakable.test(line)) {
      const message = `${columns} columns; the limit is ${maxColumns}.`;
      findings.push({ rule: 'line-length', ...at, message });
    }
    if (unfinished.test(line)) {
      const message = 'finish it, or write it down where work is planned.';
      findings.push({ rule: 'unfinished', ...at, message });
    }
  }
  if (file.syntax?.error !== undefined) {
    findings.push({ rule: 'syntax', path, line: 1, message: file.syntax.error });
  }
  return findings;
}
