import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { TuttiError } from '../lib/error.ts';

/** Enough that what the kernel says of a process of ours comes before it is forgotten. */
const rememberedProcesses = 256;

/** A device as `ip -json` prints it, as far as it is read. */
export interface Link {
  readonly ifindex: number;
  readonly ifname: string;
  readonly mtu?: number;
  /** The device's own hardware address. */
  readonly address?: string;
  readonly master?: string;
  /** Index of the other end, in the namespace where that is. */
  readonly link_index?: number;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly complaint: string;
}

/** Runs the programs that read and change the kernel's network, and remembers which were ours. */
export class KernelPrograms {
  readonly #processes: number[] = [];

  /** Whether a process that changed the kernel was started here. */
  wasOurs(pid: number): boolean {
    return this.#processes.includes(pid);
  }

  /** What the program wrote; it must succeed. */
  async read(program: string, parameters: readonly string[]): Promise<string> {
    return await this.#succeed(program, parameters, '');
  }

  /** Runs a program that reads its orders from standard input; it must succeed. */
  async feed(program: string, parameters: readonly string[], input: string): Promise<void> {
    await this.#succeed(program, parameters, input);
  }

  /** The same, where orders may fail; what of them did is not said. */
  async feedLeniently(
    program: string,
    parameters: readonly string[],
    input: string,
  ): Promise<void> {
    await this.#run(program, parameters, input);
  }

  async readLinks(
    parameters: readonly string[],
    by: { readonly program: string; readonly before: readonly string[] } = {
      program: 'ip',
      before: [],
    },
  ): Promise<readonly Link[]> {
    const output = await this.read(by.program, [...by.before, '-json', '-details', ...parameters]);
    return output.trim() === '' ? [] : (JSON.parse(output) as readonly Link[]);
  }

  async succeeds(program: string, parameters: readonly string[]): Promise<boolean> {
    return (await this.#run(program, parameters, '')).code === 0;
  }

  /** Runs a program that may fail but must be there. */
  async attempt(
    program: string,
    parameters: readonly string[],
    { hint }: { readonly hint: string },
  ): Promise<void> {
    const { code, complaint } = await this.#run(program, parameters, '');
    if (code !== null) return;
    throw new TuttiError('failed-precondition', `${program}: ${complaint}`, { hint });
  }

  async #succeed(program: string, parameters: readonly string[], input: string): Promise<string> {
    const { code, output, complaint } = await this.#run(program, parameters, input);
    if (code === 0) return output;
    const why = complaint.trim() || `exit code ${code}`;
    const [what = ''] = parameters.filter((one) => !one.startsWith('-'));
    throw new TuttiError('internal', `${program} ${what} failed: ${why}`);
  }

  /** The exit code is null for a program that could not be started. */
  async #run(program: string, parameters: readonly string[], input: string): Promise<Ended> {
    const child = spawn(program, parameters, { stdio: 'pipe' });
    this.#remember(child);
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    try {
      const [output, complaint, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close') as Promise<[number | null]>,
      ]);
      return { code: code ?? 1, output, complaint };
    } catch (error) {
      return { code: null, output: '', complaint: TuttiError.from(error).message };
    }
  }

  #remember({ pid }: ChildProcess): void {
    if (pid === undefined) return;
    this.#processes.push(pid);
    if (this.#processes.length > rememberedProcesses) this.#processes.shift();
  }
}
