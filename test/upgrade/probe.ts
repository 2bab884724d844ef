/**
 * Runs with the network of a container or of a host: asks for names as a resolver does, and
 * fetches pages, each time from a socket of its own. Writes what was lost, a line for each, and the
 * counts when its input ends.
 *
 *   node test/upgrade/probe.ts '{"server": "10.0.1.1", "names": ["web"], "port": 80}'
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { decode, encode, RECURSION_DESIRED } from 'dns-packet';

export interface ProbePlan {
  /** Who is asked for names, if for any. */
  readonly server?: string;
  readonly names: readonly string[];
  /** Where pages are fetched besides those addresses that names stand for. */
  readonly pages: readonly { readonly host: string; readonly port: number }[];
  /** Of what names stand for. */
  readonly port: number;
  readonly everyMs: number;
}

/** One that was not answered, or late. */
export interface ProbeLoss {
  readonly kind: 'lookup' | 'page' | 'late lookup';
  readonly what: string;
  readonly from: number;
  readonly to: number;
  readonly why: string;
}

export interface ProbeCounts {
  readonly lookups: number;
  readonly pages: number;
}

/** A resolver asks again after that, from the same socket (resolv.conf(5): 5 s, two attempts). */
const attemptMs = 5_000;
const attempts = 2;
const lateMs = 1_000;
const pagePatienceMs = 5_000;

const plan = JSON.parse(process.argv[2] ?? '{}') as ProbePlan;
const open = new Set<Promise<void>>();
const counts = { lookups: 0, pages: 0 };
let turn = 0;

const timer = setInterval(() => {
  turn += 1;
  const asked = ask(turn);
  open.add(asked);
  void asked.finally(() => open.delete(asked));
}, plan.everyMs);
process.stdin.resume();
await once(process.stdin, 'end');
clearInterval(timer);
await Promise.all(open);
process.stdout.write(`${JSON.stringify(counts)}\n`);

async function ask(number: number): Promise<void> {
  const { server, names, pages, port } = plan;
  if (server !== undefined) {
    const name = names[number % names.length] ?? '';
    counts.lookups += 1;
    const [address] = await counted('lookup', name, () => lookUp(server, { name, number }));
    // Every second one is connected to: the application is asked less often than its names are.
    if (address !== undefined && (number >> 1) % 2 === 0) await page(address, port);
  }
  const one = pages[number % Math.max(pages.length, 1)];
  if (one !== undefined) await page(one.host, one.port);
}

async function page(host: string, port: number): Promise<void> {
  counts.pages += 1;
  await counted('page', `${host}:${port}`, () => fetchPage(host, port));
}

async function counted(
  kind: 'lookup' | 'page',
  what: string,
  work: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const from = Date.now();
  try {
    const found = await work();
    const to = Date.now();
    if (kind === 'lookup' && to - from > lateMs) {
      say({ kind: 'late lookup', what, from, to, why: `answered after ${to - from} ms` });
    }
    return found;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    say({ kind, what, from, to: Date.now(), why });
    return [];
  }
}

function say(loss: ProbeLoss): void {
  process.stdout.write(`${JSON.stringify(loss)}\n`);
}

/**
 * As the C library does: a refusal is the end of an attempt, and so is silence; the next one goes
 * out from the same socket.
 */
async function lookUp(
  server: string,
  { name, number }: { readonly name: string; readonly number: number },
): Promise<readonly string[]> {
  const socket = createSocket('udp4');
  const id = number % 65_536;
  const query = encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type: 'A', name }],
  });
  try {
    socket.connect(53, server);
    await once(socket, 'connect');
    let why = '';
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      try {
        socket.send(query);
        const signal = AbortSignal.timeout(attemptMs);
        const [answer] = (await once(socket, 'message', { signal })) as [Buffer];
        return addressesOf(answer, id);
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
      }
    }
    throw new Error(why);
  } finally {
    socket.close();
  }
}

function addressesOf(answer: Buffer, id: number): readonly string[] {
  const packet = decode(answer);
  if (packet.id !== id) throw new Error(`the answer is to query ${packet.id}`);
  const addresses = (packet.answers ?? []).flatMap((one) => (one.type === 'A' ? [one.data] : []));
  if (addresses.length === 0) throw new Error(`no address: ${JSON.stringify(packet)}`);
  return addresses;
}

async function fetchPage(host: string, port: number): Promise<readonly string[]> {
  const signal = AbortSignal.timeout(pagePatienceMs);
  const outgoing = request({ host, port, path: '/version', agent: false, signal });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  return [];
}
