import type { Paint } from './paint.ts';

const gap = '  ';

/** Rows as left-aligned columns with two spaces between them, the last one as long as it is. */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join(gap)
      .trimEnd();
  const lines = [paint('bold', line(header)), ...rows.map(line)];
  return `${lines.join('\n')}\n`;
}
