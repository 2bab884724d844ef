import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { decode, encode, type Packet } from 'dns-packet';
import type { DnsAnswer, DnsQuestion, NameSource } from '../host/network-devices.ts';
import type { Logger } from '../host/logger.ts';
import { DnsServer } from './dns-listeners.ts';
import { answerCodes } from './dns-wire.ts';
import type { UpstreamDns } from './upstream-dns.ts';

const address = '127.0.0.1';
const quiet = () => undefined;
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** Names with so many addresses as they say (`web-3`); `out.*` is for others to answer. */
class StandInNames implements NameSource {
  revision = 0;
  asked: DnsQuestion[] = [];
  lastByte = 1;

  sightOf({ networkId }: DnsQuestion): string {
    return networkId;
  }

  answer(question: DnsQuestion): DnsAnswer {
    this.asked.push(question);
    const { name, type } = question;
    if (name === 'broken') throw new Error('a defect');
    if (name.startsWith('out.')) return { kind: 'forward' };
    const [, count] = /^web-(\d+)$/.exec(name) ?? [];
    if (count === undefined) return { kind: 'no-such-name' };
    if (type !== 'A') return { kind: 'records', records: [] };
    const records = Array.from({ length: Number(count) }, (_, at) => ({
      type: 'A' as const,
      name,
      address: `10.0.${at}.${this.lastByte}`,
    }));
    return { kind: 'records', records };
  }
}

/** Others: one answer to everything, an error, or nothing. */
function upstreamOf(ask: () => Promise<Buffer | undefined>): UpstreamDns {
  return { ask } as unknown as UpstreamDns;
}

function queryFor(name: string, type: 'A' | 'AAAA' | 'ANY' = 'A', id = 77): Buffer {
  return encode({ type: 'query', id, flags: 0x01_00, questions: [{ type: type as 'A', name }] });
}

async function site(ask: () => Promise<Buffer | undefined> = async () => undefined) {
  const names = new StandInNames();
  const server = new DnsServer({ names, upstream: upstreamOf(ask), logger });
  const { port } = await server.open('net', address);
  const client = createSocket('udp4');
  client.connect(port, address);
  await once(client, 'connect');
  const askBytes = async (bytes: Buffer): Promise<Buffer> => {
    const answered = once(client, 'message');
    client.send(bytes);
    const [answer] = (await answered) as [Buffer];
    return answer;
  };
  const stop = async () => {
    client.close();
    await server.close('net');
  };
  const lookUp = async (...of: Parameters<typeof queryFor>) =>
    decode(await askBytes(queryFor(...of)));
  return { names, server, port, askBytes, lookUp, [Symbol.asyncDispose]: stop };
}

/** Several queries on one connection, in pieces; their answers in the order in which they come. */
async function overTcp(port: number, queries: readonly Buffer[]): Promise<readonly Packet[]> {
  const socket = connect(port, address);
  const whole = Buffer.concat(
    queries.flatMap((query) => [Buffer.from([query.length >> 8, query.length & 0xff]), query]),
  );
  socket.write(whole.subarray(0, 5));
  socket.write(whole.subarray(5));
  const answers: Packet[] = [];
  let rest = Buffer.alloc(0);
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      answers.push(decode(rest.subarray(2, 2 + rest.readUInt16BE(0))));
      rest = rest.subarray(2 + rest.readUInt16BE(0));
    }
    if (answers.length === queries.length) break;
  }
  return answers;
}

function codeOf({ flags }: Packet): number {
  return (flags ?? 0) & 0xf;
}

test('a name is answered with its addresses, with none, or not at all', async () => {
  await using at = await site();
  assert.equal((await at.lookUp('web-2')).answers?.length, 2);
  const sixth = await at.lookUp('web-2', 'AAAA');
  assert.deepEqual([codeOf(sixth), sixth.answers], [answerCodes.done, []]);
  assert.equal((await at.lookUp('web-2', 'ANY')).answers?.length, 2);
  assert.equal(codeOf(await at.lookUp('nobody')), answerCodes.noSuchName);
});

test('who asks again gets the same answer without a look, until names change', async () => {
  await using at = await site();
  const addressOf = async (id: number) => {
    const { id: number, answers } = await at.lookUp('web-1', 'A', id);
    assert.equal(number, id);
    return answers?.map((one) => (one.type === 'A' ? one.data : ''));
  };
  assert.deepEqual(await addressOf(1), ['10.0.0.1']);
  assert.deepEqual(await addressOf(2), ['10.0.0.1']);
  assert.equal(at.names.asked.length, 1);
  at.names.lastByte = 9;
  at.names.revision += 1;
  assert.deepEqual(await addressOf(3), ['10.0.0.9']);
});

test('what is too long for a datagram comes whole over TCP', async () => {
  await using at = await site();
  const short = await at.lookUp('web-100');
  assert.ok(short.flag_tc && (short.answers?.length ?? 0) < 100);
  const queries = [queryFor('web-100'), queryFor('web-1'), queryFor('nobody')];
  const [long, one, none] = await overTcp(at.port, queries);
  assert.equal(long?.answers?.length, 100);
  assert.equal(one?.answers?.length, 1);
  assert.equal(codeOf(none ?? {}), answerCodes.noSuchName);
});

test('what others answer is passed on, by the number and the letters of who asked', async () => {
  const answers = [{ type: 'A', name: 'out.example', ttl: 9, data: '192.0.2.7' } as const];
  const questions = [{ type: 'A', name: 'out.example' } as const];
  const answer = encode({ type: 'response', id: 1, flags: 0x01_80, questions, answers });
  await using at = await site(async () => answer);
  const passed = await at.lookUp('OUT.Example', 'A', 5);
  assert.equal(passed.id, 5);
  assert.equal(passed.questions?.[0]?.name, 'OUT.Example');
  assert.deepEqual(passed.answers?.[0], decode(answer).answers?.[0]);
});

test('what others answer is cut for who takes no more', async () => {
  const answers = Array.from({ length: 60 }, (_, at) => ({
    type: 'A' as const,
    name: 'out.example',
    ttl: 9,
    data: `192.0.2.${at}`,
  }));
  const questions = [{ type: 'A', name: 'out.example' } as const];
  const answer = encode({ type: 'response', flags: 0x01_80, questions, answers });
  await using at = await site(async () => answer);
  const cut = await at.lookUp('out.example');
  assert.deepEqual([cut.flag_tc, cut.answers], [true, []]);
  const [whole] = await overTcp(at.port, [queryFor('out.example')]);
  assert.equal(whole?.answers?.length, 60);
});

test('where others do not answer, or cannot be asked, that is said', async () => {
  const outcomes = [async () => undefined, async () => Promise.reject(new Error('no socket'))];
  for (const ask of outcomes) {
    await using at = await site(ask);
    assert.equal(codeOf(await at.lookUp('out.example')), answerCodes.serverFailure);
  }
});

test('a defect of ours is told as a failure, and those after it are answered', async () => {
  await using at = await site();
  assert.equal(codeOf(await at.lookUp('broken')), answerCodes.serverFailure);
  assert.equal((await at.lookUp('web-1')).answers?.length, 1);
});

test('who asks too much at once is told so, before others are kept waiting', async () => {
  const limit = 128;
  let begun = 0;
  const full = Promise.withResolvers<void>();
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  await using at = await site(() => {
    begun += 1;
    if (begun === limit) full.resolve();
    return promise;
  });
  const queries = Array.from({ length: 64 }, (_, id) => queryFor(`out.${id}`, 'A', id));
  const first = overTcp(at.port, queries);
  const second = overTcp(at.port, queries);
  await full.promise;
  assert.equal(codeOf(await at.lookUp('out.late')), answerCodes.serverFailure);
  assert.equal(begun, limit);
  resolve(undefined);
  assert.deepEqual([(await first).length, (await second).length], [64, 64]);
  await at.lookUp('out.again');
  assert.equal(begun, limit + 1);
});

test('garbage is passed over, and those after it are answered', async () => {
  await using at = await site();
  const client = createSocket('udp4');
  client.connect(at.port, address);
  await once(client, 'connect');
  for (const bytes of [Buffer.alloc(1), Buffer.alloc(12, 0xff), Buffer.alloc(5_000)]) {
    client.send(bytes);
  }
  client.close();
  assert.equal((await at.lookUp('web-1')).answers?.length, 1);
  const received = await at.askBytes(queryFor('web-1').subarray(0, 14));
  assert.equal(received.readUInt16BE(2) & 0xf, answerCodes.formatError);
});

test('a network that is closed meanwhile is no trouble for an answer that comes late', async () => {
  const late = Promise.withResolvers<Buffer | undefined>();
  await using at = await site(() => late.promise);
  const client = createSocket('udp4');
  client.send(queryFor('out.example'), at.port, address);
  while (at.names.asked.length === 0) await new Promise(setImmediate);
  await at.server.close('net');
  late.resolve(undefined);
  await new Promise(setImmediate);
  client.close();
});

function framed(query: Buffer): Buffer {
  return Buffer.concat([Buffer.from([query.length >> 8, query.length & 0xff]), query]);
}

test('who asks over TCP and does not read is asked no further, and gets all it asked for later', async () => {
  await using at = await site();
  const socket = connect(at.port, address);
  const batch = Buffer.concat(Array.from({ length: 16 }, () => framed(queryFor('web-4000'))));
  const mostBatches = 60;
  let sent = 0;
  const isAnswered = async (): Promise<boolean> => {
    // Far more turns of the loop than a question takes where nobody holds it up.
    for (let turns = 0; turns < 500 && at.names.asked.length < sent; turns += 1) {
      await new Promise(setImmediate);
    }
    return at.names.asked.length === sent;
  };
  do {
    socket.write(batch);
    sent += 16;
  } while ((await isAnswered()) && sent < 16 * mostBatches);
  assert.ok(sent < 16 * mostBatches, `${sent} answers of 64 kB wait for one who does not read`);
  let receivedBytes = 0;
  for await (const chunk of socket) {
    receivedBytes += (chunk as Buffer).length;
    // Header, question and 4,000 addresses.
    if (receivedBytes === sent * (2 + 12 + 14 + 4_000 * 16)) break;
  }
});

test('one asker does not hold all connections of a network', async () => {
  await using at = await site();
  const limit = 128;
  const sockets = Array.from({ length: limit }, () => connect(at.port, address));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const isAnswered = async (localAddress: string): Promise<boolean> => {
    const socket = connect({ port: at.port, host: address, localAddress });
    socket.on('error', () => undefined);
    socket.write(framed(queryFor('web-1')));
    const { promise, resolve } = Promise.withResolvers<boolean>();
    socket.on('data', () => resolve(true));
    socket.on('close', () => resolve(false));
    return await promise.finally(() => socket.destroy());
  };
  assert.equal(await isAnswered(address), false);
  assert.equal(await isAnswered('127.0.0.2'), true);
  sockets[0]?.destroy();
  // It takes a moment until the other end knows.
  while (!(await isAnswered(address)));
  for (const socket of sockets) socket.destroy();
});

test('whoever asks while one server leaves its port to another is answered by one of them', async () => {
  const names = new StandInNames();
  const upstream = upstreamOf(async () => undefined);
  const patienceMs = 5_000;
  const first = new DnsServer({ names, upstream, logger });
  const { port } = await first.open('net', address);
  let server = first;
  const over = new AbortController();
  const ask = async (): Promise<boolean> => {
    // The kernel chooses a server by the asker's port.
    const client = createSocket('udp4');
    client.connect(port, address);
    await once(client, 'connect');
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), patienceMs);
    client.once('message', () => resolve(true));
    client.send(queryFor('web-1'));
    const isAnswered = await promise;
    clearTimeout(timer);
    client.close();
    return isAnswered;
  };
  const askAgainAndAgain = async (): Promise<number> => {
    let lost = 0;
    while (!over.signal.aborted) if (!(await ask())) lost += 1;
    return lost;
  };
  const asking = Promise.all(Array.from({ length: 20 }, askAgainAndAgain));
  for (let times = 0; times < 20; times += 1) {
    const next = new DnsServer({ names, upstream, logger, portOf: () => port });
    await next.open('net', address);
    await server.handOver();
    server = next;
  }
  over.abort();
  assert.deepEqual(new Set(await asking), new Set([0]));
  await server.close('net');
});
