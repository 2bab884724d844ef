import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { DataPathPlan, DataPathProbe, NetworkProbes } from '../host/network-probes.ts';
import { TuttiError } from '../lib/error.ts';
import { hardwareAddress } from '../lib/hardware-address.ts';
import type { KnockOutcome, NameOutcome } from '../model/network-examination.ts';
import { KernelPrograms } from './kernel-programs.ts';
import type { ProbeAnswer, ProbeOrder } from './probe-protocol.ts';

/** What VXLAN over IPv4 adds to each packet. */
const headerBytes = 50;
/** Of 24 bits; networks count upwards from 4,097. */
const numbers = { inPieces: 16_777_215, whole: 16_777_214 } as const;
const devices = { inPieces: 'probe', whole: 'probe-whole' } as const;
/** RFC 2544: for measurements between networks. One half for each device. */
const halves = { inPieces: '198.18', whole: '198.19' } as const;
const knockLimitMs = 2_000;
const bridgeFilterPath = '/proc/sys/net/bridge/bridge-nf-call-iptables';

type Device = keyof typeof devices;

/** Looks at the network of this machine with processes of their own. */
export class LinuxNetworkProbes implements NetworkProbes {
  readonly #programs = new KernelPrograms();
  readonly #command: readonly [string, ...string[]];

  /** @param command Program and arguments of the process that sends packets. */
  constructor(command: readonly [string, ...string[]]) {
    this.#command = command;
  }

  async openDataPath(plan: DataPathPlan, signal: AbortSignal): Promise<DataPathProbe> {
    const process = await ProbeProcess.start(['unshare', '--net', ...this.#command], signal);
    try {
      await this.#programs.feed('ip', ['-batch', '-'], inLines(makeDevices(plan, process.pid)));
      const inside = ['-t', String(process.pid), '-n'];
      const [ip, bridge] = setDevices(plan);
      await this.#programs.feed('nsenter', [...inside, 'ip', '-batch', '-'], inLines(ip));
      await this.#programs.feed('nsenter', [...inside, 'bridge', '-batch', '-'], inLines(bridge));
      await listen(process);
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
    return {
      look: async () => await look(process, plan),
      [Symbol.asyncDispose]: async () => await process[Symbol.asyncDispose](),
    };
  }

  async askName(
    question: { readonly pid: number; readonly server: string; readonly name: string },
    signal: AbortSignal,
  ): Promise<NameOutcome> {
    const { pid, server, name } = question;
    const command = ['nsenter', '-t', String(pid), '-n', ...this.#command];
    await using process = await ProbeProcess.start(command, signal);
    const answer = await process.order({ kind: 'name', server, name });
    if (answer.kind === 'name') return answer.outcome;
    return { kind: 'failed', message: answer.kind === 'failed' ? answer.message : answer.kind };
  }

  async knock(address: string, port: number): Promise<KnockOutcome> {
    const { promise, resolve } = Promise.withResolvers<KnockOutcome>();
    const socket = connect({ host: address, port });
    const timer = setTimeout(() => resolve('silent'), knockLimitMs);
    socket.on('connect', () => resolve('taken'));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ECONNREFUSED' ? 'refused' : 'silent'),
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      socket.destroy();
    }
  }

  async listChains(): Promise<string> {
    return await this.#programs.read('nft', ['-j', 'list', 'chains']).catch(() => '');
  }

  async bridgeFilter(): Promise<'on' | 'off' | 'missing'> {
    const value = await readFile(bridgeFilterPath, 'utf8').catch(() => undefined);
    if (value === undefined) return 'missing';
    return value.trim() === '1' ? 'on' : 'off';
  }
}

async function listen(process: ProbeProcess): Promise<void> {
  const answer = await process.order({ kind: 'listen' });
  if (answer.kind !== 'listening') throw notThat(answer);
}

function notThat(answer: ProbeAnswer): TuttiError {
  const why = answer.kind === 'failed' ? answer.message : `it said ${answer.kind}`;
  return new TuttiError('internal', `the process that sends packets failed: ${why}`);
}

async function look(process: ProbeProcess, plan: DataPathPlan) {
  const answer = await process.order({
    kind: 'paths',
    peers: plan.peers.map(({ nodeId, place }) => ({
      nodeId,
      address: innerAddress(place, 'inPieces'),
      wholeAddress: innerAddress(place, 'whole'),
    })),
    fullBytes: plan.fullBytes,
    largestBytes: plan.linkMtu - headerBytes,
  });
  if (answer.kind !== 'paths') throw notThat(answer);
  const paths = answer.paths.map(({ largestBytes, ...path }) => ({
    ...path,
    ...(largestBytes !== undefined && { largestBytes: largestBytes + headerBytes }),
  }));
  return { paths, heard: answer.heard };
}

function innerAddress(place: number, device: Device): string {
  return `${halves[device]}.${place >> 8}.${place & 255}`;
}

/**
 * Made in the network of the node, where their packets go out and come in; the devices themselves
 * are in that of the process.
 */
function makeDevices({ self, port, linkMtu }: DataPathPlan, pid: number): readonly string[] {
  return (['inPieces', 'whole'] as const).map(
    (device) =>
      `link add dev ${devices[device]} netns ${pid} mtu ${linkMtu - headerBytes} ` +
      `address ${hardwareAddress(innerAddress(self.place, device))} type vxlan ` +
      `id ${numbers[device]} dstport ${port} local ${self.address} nolearning ` +
      `df ${device === 'whole' ? 'set' : 'unset'}`,
  );
}

/** Lines of `ip`, and of `bridge`. */
function setDevices({
  self,
  peers,
}: DataPathPlan): readonly [readonly string[], readonly string[]] {
  const both = ['inPieces', 'whole'] as const;
  const others = both.flatMap((device) =>
    peers.map(({ address, place }) => {
      const inner = innerAddress(place, device);
      return { dev: devices[device], inner, lladdr: hardwareAddress(inner), address };
    }),
  );
  return [
    [
      'link set dev lo up',
      ...both.flatMap((device) => [
        `address add ${innerAddress(self.place, device)}/16 dev ${devices[device]}`,
        `link set dev ${devices[device]} up`,
      ]),
      ...others.map(
        ({ dev, inner, lladdr }) =>
          `neighbour replace ${inner} lladdr ${lladdr} dev ${dev} nud permanent`,
      ),
    ],
    others.map(
      ({ dev, lladdr, address }) =>
        `fdb replace ${lladdr} dev ${dev} dst ${address} self permanent`,
    ),
  ];
}

function inLines(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** The process that sends packets. It ends with this one, and its network with it. */
class ProbeProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>) {
    this.#child = child;
    this.#lines = lines;
    this.#ended = once(child, 'close').catch(() => undefined);
  }

  static async start(command: readonly string[], signal: AbortSignal): Promise<ProbeProcess> {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      stdio: ['pipe', 'pipe', 'ignore'],
      signal,
      killSignal: 'SIGKILL',
    });
    child.on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const process = new ProbeProcess(child, lines);
    await process.#answer();
    return process;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async order(order: ProbeOrder): Promise<ProbeAnswer> {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
    return await this.#answer();
  }

  async #answer(): Promise<ProbeAnswer> {
    const line = await this.#lines.next();
    if (line.done !== true) return JSON.parse(line.value) as ProbeAnswer;
    throw new TuttiError('unavailable', 'the process that sends packets ended');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
