import { createSocket } from 'node:dgram';
import { decode, encode } from 'dns-packet';
import type { NameOutcome } from '../model/network-examination.ts';

const dnsPort = 53;
const tries = 3;
const answerLimitMs = 700;
const largestNumber = 65_535;

interface NameQuestion {
  readonly server: string;
  readonly name: string;
  /** A test's; else that of DNS. */
  readonly port?: number;
}

/** Asks as programs in containers do: over UDP, again where no answer comes. */
export async function askName(question: NameQuestion): Promise<NameOutcome> {
  for (let count = 0; count < tries; count += 1) {
    const outcome = await askOnce(question);
    if (outcome.kind !== 'silent') return outcome;
  }
  return { kind: 'silent' };
}

async function askOnce({ server, name, port = dnsPort }: NameQuestion): Promise<NameOutcome> {
  const { promise, resolve } = Promise.withResolvers<NameOutcome>();
  const socket = createSocket('udp4');
  const began = performance.now();
  const id = Math.floor(Math.random() * largestNumber);
  const timer = setTimeout(() => resolve({ kind: 'silent' }), answerLimitMs);
  socket.on('error', ({ message }) => resolve({ kind: 'failed', message }));
  socket.on('message', (packet) => {
    const addresses = addressesIn(packet);
    resolve(
      addresses === undefined
        ? { kind: 'failed', message: 'what came is no answer of DNS' }
        : { kind: 'answered', addresses, tookMs: performance.now() - began },
    );
  });
  const query = encode({
    type: 'query',
    id,
    flags: recursionDesired,
    questions: [{ type: 'A', name }],
  });
  // Connected, so that a refusal of the kernel is told; by an event, for a callback of `connect` is
  // called in either case.
  socket.on('connect', () => socket.send(query, () => undefined));
  socket.connect(port, server);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

/** Undefined: not well-formed; whoever is in that network may have sent it. */
function addressesIn(packet: Buffer): readonly string[] | undefined {
  try {
    const { answers = [] } = decode(packet);
    return answers.flatMap((answer) => (answer.type === 'A' ? [answer.data] : []));
  } catch {
    return undefined;
  }
}

const recursionDesired = 0x01_00;
