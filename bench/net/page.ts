import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '../../tools/root.ts';
import { describeMachine, type Machine } from '../machine.ts';

const results = join(repositoryRoot, 'bench/results');

/** A part of `npm run bench:net`: its page, and the samples behind it. */
export interface NetPart {
  /** `net-mesh`. */
  readonly name: string;
  readonly title: string;
  /** What the figures in cells are. */
  readonly figures: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** How it was measured. */
  readonly notes: readonly string[];
  /** Raw. */
  readonly samples: unknown;
}

/** Writes `bench/results/<name>.md` and `.json`, and shows the page. */
export async function writePart(part: NetPart): Promise<void> {
  await mkdir(results, { recursive: true });
  const machine: Machine = describeMachine(results);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const page = [
    `# ${part.title}`,
    '',
    `${machine.cores} cores, kernel ${machine.kernel}, Node ${machine.node}, commit ${machine.commit}. ${part.figures}`,
    '',
    line(part.header),
    line(part.header.map(() => '---')),
    ...part.rows.map(line),
    '',
    ...part.notes.map((note) => `- ${note}`),
    '',
  ].join('\n');
  const { samples } = part;
  await writeFile(join(results, `${part.name}.json`), `${JSON.stringify({ machine, samples })}\n`);
  await writeFile(join(results, `${part.name}.md`), page);
  process.stdout.write(page);
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
