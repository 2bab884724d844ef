import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { repositoryRoot } from '../../tools/root.ts';
import type { ProbeCounts, ProbeLoss, ProbePlan } from './probe.ts';

const program = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  join(repositoryRoot, 'test/upgrade/probe.ts'),
] as const;

/** What a probe lost, and where it stood. */
export interface Loss extends ProbeLoss {
  readonly place: string;
}

/** Asks from one place until it is stopped. */
export class Probe implements Disposable {
  readonly place: string;
  readonly losses: Loss[] = [];
  readonly #child: ChildProcess;
  #counts: ProbeCounts | undefined;

  private constructor(place: string, child: ChildProcess) {
    this.place = place;
    this.#child = child;
    if (child.stdout === null) throw new Error('a probe says nothing');
    createInterface(child.stdout).on('line', (line) => this.#hear(line));
  }

  /** @param enter The words that lead into its network; none for this machine's. */
  static start(
    place: string,
    { enter, plan }: { readonly enter: readonly string[]; readonly plan: ProbePlan },
  ): Probe {
    const [first, ...words] = [...enter, ...program, JSON.stringify(plan)];
    return new Probe(
      place,
      spawn(first ?? process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
  }

  #hear(line: string): void {
    const said = JSON.parse(line) as ProbeLoss | ProbeCounts;
    if ('kind' in said) this.losses.push({ ...said, place: this.place });
    else this.#counts = said;
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }

  /** Resolves to what it asked once all of that was answered or lost. */
  async stop(): Promise<ProbeCounts> {
    const closed = once(this.#child, 'close');
    this.#child.stdin?.end();
    const { exitCode } = this.#child;
    if (exitCode === null) await closed;
    if (this.#counts === undefined) throw new Error(`the probe in ${this.place} ended by itself`);
    return this.#counts;
  }
}
