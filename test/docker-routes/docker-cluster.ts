import { SimulatedAuthority } from '../../sim/authority.ts';
import { VirtualClock } from '../../sim/clock.ts';
import { SimulatedDisk } from '../../sim/disk.ts';
import { MemoryEngine } from '../../sim/memory-engine.ts';
import { SimulatedTransport } from '../../sim/transport.ts';
import { managerRoutes } from '../../src/docker/manager-routes.ts';
import type { HttpHandler, HttpHeaders, HttpReply } from '../../src/host/http.ts';
import type { Logger } from '../../src/host/logger.ts';
import type { Random } from '../../src/host/random.ts';
import { Prng } from '../../src/lib/prng.ts';
import { type Manager, startManager } from '../../src/manager/manager.ts';
import { ScriptedAgent } from './scripted-agent.ts';

/** The start of the recorded session, so that times look alike. */
const startAt = Date.UTC(2026, 10, 21, 3, 58, 38);

export interface Answer {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly text: string;
  /** The JSON of the reply; undefined where there is none. */
  readonly json: unknown;
}

export interface Ask {
  readonly body?: unknown;
  /** Sent as it is, JSON or not. */
  readonly rawBody?: string;
  readonly headers?: HttpHeaders;
  /** Instead of the body: how reading it goes. */
  readonly readBody?: () => Promise<Uint8Array>;
}

/**
 * The manager's half of the Docker API over a real manager, with virtual time and a scripted agent.
 */
export class DockerCluster implements AsyncDisposable {
  readonly clock = new VirtualClock(startAt);
  readonly agent: ScriptedAgent;
  readonly manager: Manager;
  readonly handle: HttpHandler;
  readonly #transport: SimulatedTransport;
  readonly #close: () => void;
  #agentRun: Promise<void> = Promise.resolve();

  private constructor(parts: {
    readonly manager: Manager;
    readonly clock: VirtualClock;
    readonly transport: SimulatedTransport;
    readonly random: Random;
  }) {
    const { manager, clock, transport, random } = parts;
    this.clock = clock;
    this.manager = manager;
    this.#transport = transport;
    const routes = managerRoutes({
      controlPlane: manager.controlPlane,
      clock,
      random,
      logger: silent,
      productVersion: '0.1.0',
      resolveAddress: async (given) => given ?? '127.0.0.1',
    });
    this.handle = routes.handle;
    this.#close = () => routes.close();
    this.agent = new ScriptedAgent({
      nodeId: 'reftzweaxd09equ0rxzzqtrya',
      clock,
      transport: transport.agent(),
    });
  }

  /** A manager with a connected agent, and with a cluster unless `init` is false. */
  static async start(options: { readonly init?: boolean } = {}): Promise<DockerCluster> {
    const clock = new VirtualClock(startAt);
    const dice = new Prng(1);
    const random: Random = {
      bytes: (count) => dice.bytes(count),
      fraction: () => dice.fraction(),
    };
    const transport = new SimulatedTransport({ clock, dice });
    const engine = new MemoryEngine(new SimulatedDisk());
    const manager = await startManager({
      engine,
      clock,
      random,
      authority: new SimulatedAuthority((count) => dice.bytes(count)),
      logger: silent,
    });
    transport.serve(manager.handler);
    const cluster = new DockerCluster({ manager, clock, transport, random });
    cluster.#agentRun = cluster.agent.run().catch(() => undefined);
    await cluster.settle();
    if (options.init !== false) {
      await cluster.ask('POST /swarm/init', { body: { ListenAddr: '0.0.0.0:2377' } });
    }
    return cluster;
  }

  get revision(): number {
    return this.manager.controlPlane.view.revision;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    await this.clock.settle();
    await this.manager.idle();
    await this.clock.settle();
  }

  /** `ask('GET /services?status=true')` at API 1.41; settles afterwards. */
  async ask(line: string, ask: Ask = {}): Promise<Answer> {
    const [method = 'GET', target = '/'] = line.split(' ');
    const [path = '/', query = ''] = target.split('?');
    const text = ask.rawBody ?? (ask.body === undefined ? '' : JSON.stringify(ask.body));
    const reply = await this.handle({
      method,
      path: path.startsWith('/v1.') || path === '/_ping' ? path : `/v1.41${path}`,
      query: new URLSearchParams(query),
      headers: { 'content-type': 'application/json', ...ask.headers },
      signal: new AbortController().signal,
      body: ask.readBody ?? (async () => new TextEncoder().encode(text)),
    });
    await this.settle();
    return await readReply(reply);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    this.agent.stop();
    this.#transport.stop();
    await this.manager.stop();
    await this.#agentRun;
  }
}

async function readReply(reply: HttpReply): Promise<Answer> {
  if (reply.kind === 'forward') throw new Error(`a forward to ${reply.socketPath}${reply.target}`);
  const decoder = new TextDecoder('latin1');
  let text = '';
  if (reply.kind === 'whole') {
    const body = reply.body ?? '';
    text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  } else {
    for await (const chunk of reply.chunks) {
      text += typeof chunk === 'string' ? chunk : decoder.decode(chunk);
    }
  }
  const isJson = reply.kind === 'whole' && reply.headers['Content-Type'] === 'application/json';
  return {
    status: reply.status,
    headers: reply.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
