import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { TuttiError } from '../lib/error.ts';

/** A device as `ip -json` prints it, as far as it is read. */
export interface Link {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags?: readonly string[];
  readonly mtu?: number;
  /** The device's own hardware address. */
  readonly address?: string;
  readonly master?: string;
  /** Index of the other end, in the namespace where that is. */
  readonly link_index?: number;
  readonly linkinfo?: { readonly info_slave_data?: { readonly hairpin?: boolean } };
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

interface How {
  readonly input: string;
  readonly limitMs?: number | undefined;
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly complaint: string;
}

/** What is longer is given as a file: a pipe takes no more, and the rest when nobody is at work. */
const longestPiped = 65_536;

/** Runs the programs that read and change the kernel's network. */
export class KernelPrograms {
  /**
   * What the program wrote; it must succeed.
   *
   * @param limitMs For programs that ask others, who may not answer.
   */
  async read(
    program: string,
    parameters: readonly string[],
    { limitMs }: { readonly limitMs?: number } = {},
  ): Promise<string> {
    return await this.#succeed(program, parameters, { input: '', limitMs });
  }

  /** Runs a program that reads its orders from standard input; it must succeed. */
  async feed(program: string, parameters: readonly string[], input: string): Promise<void> {
    await this.#succeed(program, parameters, { input });
  }

  /** The same, where orders may fail; what of them did is not said. */
  async feedLeniently(
    program: string,
    parameters: readonly string[],
    input: string,
  ): Promise<void> {
    await this.#run(program, parameters, { input });
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
    return (await this.#run(program, parameters, { input: '' })).code === 0;
  }

  /** Runs a program that may fail but must be there; returns what it wrote. */
  async attempt(
    program: string,
    parameters: readonly string[],
    { hint }: { readonly hint: string },
  ): Promise<string> {
    const { code, output, complaint } = await this.#run(program, parameters, { input: '' });
    if (code !== null) return output;
    throw new TuttiError('failed-precondition', `${program}: ${complaint}`, { hint });
  }

  async #succeed(program: string, parameters: readonly string[], how: How): Promise<string> {
    const { code, output, complaint } = await this.#run(program, parameters, how);
    if (code === 0) return output;
    const why = complaint.trim() || `exit code ${code}`;
    const [what = ''] = parameters.filter((one) => !one.startsWith('-'));
    throw new TuttiError('internal', `${program} ${what} failed: ${why}`);
  }

  /** The exit code is null for a program that could not be started. */
  async #run(
    program: string,
    parameters: readonly string[],
    { input, limitMs }: How,
  ): Promise<Ended> {
    using file = input.length > longestPiped ? InputFile.of(input) : undefined;
    const child = spawn(program, parameters, {
      stdio: [file?.descriptor ?? 'pipe', 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    try {
      const [output, complaint, [code]] = await Promise.all([
        all(child.stdout),
        all(child.stderr),
        once(child, 'close') as Promise<[number | null]>,
      ]);
      return { code: code ?? 1, output, complaint };
    } catch (error) {
      return { code: null, output: '', complaint: TuttiError.from(error).message };
    }
  }
}

async function all(stream: Readable | null): Promise<string> {
  return stream === null ? '' : await text(stream);
}

/** A file without a name, open for reading from its beginning. */
class InputFile {
  readonly descriptor: number;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** Undefined where there is no room for it: a pipe needs none. */
  static of(text: string): InputFile | undefined {
    try {
      const directory = mkdtempSync(join(tmpdir(), 'tutti-input-'));
      const path = join(directory, 'input');
      try {
        writeFileSync(path, text, { mode: 0o600 });
        return new InputFile(openSync(path, 'r'));
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    } catch {
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor);
  }
}
