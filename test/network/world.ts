import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TestNode } from '../fixture/test-node.ts';
import { readMachineState, type MachineState } from '../fixture/machine-state.ts';
import { expectRun } from './expect-run.ts';
import { hostAddress, Outside, outsideAddress } from './outside.ts';
import { NetworkStack, Peer } from './stack.ts';

const services = 9;
const hostControl = '127.0.0.1:9999';
/** Of a process that has it before the stack asks for it. */
export const takenPort = 8099;

const neighbour = `table inet neighbour {
	set friends {
		type ipv4_addr
		elements = { 192.0.2.7 }
	}

	chain input {
		type filter hook input priority filter; policy accept;
		ip saddr @friends counter accept
	}
}
`;

/** One node with the stack of `compose.yml`, another host beside it, and strangers on both. */
export class World implements AsyncDisposable {
  readonly node: TestNode;
  readonly stack: NetworkStack;
  readonly outside: Outside;
  /** The machine before anything of Tutti was on it. */
  readonly before: MachineState;
  /** Programs on the host outside, and on this one. */
  readonly outsider = new Peer(outsideAddress);
  readonly insider = new Peer(hostControl);
  readonly #foreign: readonly ChildProcess[];
  readonly #directory: string;

  private constructor(made: {
    readonly node: TestNode;
    readonly outside: Outside;
    readonly before: MachineState;
    readonly foreign: readonly ChildProcess[];
    readonly directory: string;
  }) {
    this.node = made.node;
    this.outside = made.outside;
    this.before = made.before;
    this.stack = new NetworkStack(made.node, 'net');
    this.#foreign = made.foreign;
    this.#directory = made.directory;
  }

  static async start(): Promise<World> {
    const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';
    const directory = await mkdtemp('/run/network-test-');
    const outside = await Outside.start();
    await Outside.useNameserver(directory);
    const foreign = [9999, takenPort].map(startTask);
    await new Peer(hostControl).untilUp();
    await new Peer(`127.0.0.1:${takenPort}`).untilUp();
    await expectRun('nft', '-f', await writeTable(directory));
    // Looking at a chain makes it, where nobody had one.
    await expectRun('iptables', '-P', 'INPUT', 'ACCEPT');
    const before = await readMachineState(engineSocket, []);
    const node = await TestNode.start({ engineSocket });
    return new World({ node, outside, before, foreign, directory });
  }

  /** Deploys the stack; one service of it is not healthy until it is told to be. */
  async deploy(): Promise<void> {
    const file = join(import.meta.dirname, 'compose.yml');
    const { code, stderr } = await this.node.tutti(['stack', 'deploy', '-d', '-c', file, 'net']);
    assert.equal(code, 0, stderr);
    await this.node.untilStack(
      'net',
      (report) =>
        report.services.length === services &&
        report.services.every(({ name, running, wanted }) =>
          name === 'net_sick' ? running === 0 : running === wanted,
        ),
    );
  }

  /** The table of somebody else, as the kernel has it. */
  async neighbourTable(): Promise<string> {
    return await expectRun('nft', '-s', 'list', 'table', 'inet', 'neighbour');
  }

  /** The process that had a port that the stack wants ends. */
  async freePort(): Promise<void> {
    await end(this.#foreign[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
    for (const child of this.#foreign) await end(child);
    await this.outside[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true });
  }
}

/** What `neighbourTable` must always be. */
export const neighbourAsListed = neighbour;

/** From elsewhere: the address by which the host outside knows this one. */
export function atHost(port: number): string {
  return `${hostAddress}:${port}`;
}

async function writeTable(directory: string): Promise<string> {
  const file = join(directory, 'neighbour.nft');
  await writeFile(file, neighbour);
  return file;
}

function startTask(port: number): ChildProcess {
  const program = join(import.meta.dirname, 'task.ts');
  return spawn(process.execPath, [program, String(port)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
