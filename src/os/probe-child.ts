import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { TuttiError } from '../lib/error.ts';
import { askName } from './probe-name.ts';
import { PathProber } from './probe-paths.ts';
import type { ProbeAnswer, ProbeOrder } from './probe-protocol.ts';

/**
 * The process that sends packets from a network that is not the daemon's: one order a line, one
 * answer a line. Ends when nobody orders any more.
 */
export async function serveProbes(input: Readable, output: Writable): Promise<void> {
  const paths = new AnsweredPaths();
  const tell = (line: ProbeAnswer): void => void output.write(`${JSON.stringify(line)}\n`);
  tell({ kind: 'ready' });
  for await (const line of createInterface({ input })) {
    tell(await answer(paths, JSON.parse(line) as ProbeOrder));
  }
  paths.close();
}

/** Only who is told to listen does: names are asked for in the networks of containers. */
class AnsweredPaths {
  #prober: PathProber | undefined;

  async listen(): Promise<void> {
    this.#prober ??= await PathProber.open();
  }

  async look(order: Extract<ProbeOrder, { readonly kind: 'paths' }>) {
    if (this.#prober === undefined) throw new TuttiError('internal', 'nobody answers yet');
    return await this.#prober.look(order);
  }

  close(): void {
    this.#prober?.close();
  }
}

async function answer(paths: AnsweredPaths, order: ProbeOrder): Promise<ProbeAnswer> {
  try {
    switch (order.kind) {
      case 'listen':
        await paths.listen();
        return { kind: 'listening' };
      case 'paths':
        return { kind: 'paths', ...(await paths.look(order)) };
      case 'name':
        return { kind: 'name', outcome: await askName(order) };
    }
  } catch (reason) {
    return { kind: 'failed', message: TuttiError.from(reason).message };
  }
}
