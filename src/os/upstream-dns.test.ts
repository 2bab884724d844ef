import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Answer, decode, encode, type Packet } from 'dns-packet';
import { answerCodes, headerFlags } from './dns-wire.ts';
import { readQuery } from './dns-queries.ts';
import { UpstreamDns } from './upstream-dns.ts';

type Reply = Partial<Pick<Packet, 'answers' | 'authorities' | 'questions' | 'id'>> & {
  readonly code?: number;
  readonly isTruncated?: boolean;
};

interface Heard {
  readonly name: string;
  readonly over: 'udp' | 'tcp';
  readonly id: number;
  readonly port: number;
}

/** A nameserver that says to each query what it is told to; nothing for undefined. */
class StandInServer implements AsyncDisposable {
  readonly address: string;
  readonly heard: Heard[] = [];
  reply: (heard: Heard) => Reply | undefined;
  readonly #udp = createSocket('udp4');
  readonly #tcp = createServer();
  port = 0;

  constructor(address: string, reply: (heard: Heard) => Reply | undefined) {
    this.address = address;
    this.reply = reply;
  }

  async listen(port = 0): Promise<this> {
    this.#udp.bind(port, this.address);
    await once(this.#udp, 'listening');
    this.port = this.#udp.address().port;
    this.#udp.on('message', (bytes, from: RemoteInfo) => {
      const answer = this.#answer(bytes, { over: 'udp', port: from.port });
      if (answer !== undefined) this.#udp.send(answer, from.port, from.address);
    });
    this.#tcp.on('connection', (socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', (bytes: Buffer) => {
        const answer = this.#answer(bytes.subarray(2), { over: 'tcp', port: 0 });
        if (answer === undefined) return socket.destroy();
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.end(Buffer.concat([length, answer]));
      });
    });
    this.#tcp.listen(this.port, this.address);
    await once(this.#tcp, 'listening');
    return this;
  }

  #answer(bytes: Buffer, by: Pick<Heard, 'over' | 'port'>): Buffer | undefined {
    const { id = 0, questions = [] } = decode(bytes);
    const heard = { ...by, id, name: questions[0]?.name ?? '' };
    this.heard.push(heard);
    const reply = this.reply(heard);
    if (reply === undefined) return undefined;
    const { code = 0, isTruncated = false, ...rest } = reply;
    const flags = 0x01_80 | code | (isTruncated ? headerFlags.truncated : 0);
    return encode({ type: 'response', id, flags, questions, ...rest });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    this.#tcp.close();
    await once(this.#tcp, 'close');
  }
}

function a(ttl: number, data = '192.0.2.1'): Answer {
  return { type: 'A', name: 'example.org', ttl, data };
}

function authority(ttl: number, minimum: number): Answer {
  const data = { mname: 'a.test', rname: 'b.test', serial: 1, refresh: 1, retry: 1, expire: 1 };
  return { type: 'SOA', name: 'org', ttl, data: { ...data, minimum } };
}

/** Asks servers through one `UpstreamDns` whose clock stands where it is put. */
async function site(...replies: readonly (() => Reply | undefined)[]) {
  return await siteOf(500, replies);
}

/** @param patienceMs How long a server is waited for. */
async function siteOf(patienceMs: number, replies: readonly (() => Reply | undefined)[]) {
  const servers: StandInServer[] = [];
  for (const [index, reply] of replies.entries()) {
    const server = new StandInServer(`127.0.0.${index + 2}`, reply);
    servers.push(await server.listen(servers[0]?.port));
  }
  const clock = { seconds: 0 };
  const upstream = new UpstreamDns({
    path: '/nonexistent',
    port: servers[0]?.port ?? 0,
    now: () => clock.seconds * 1_000,
    firstLimitMs: patienceMs,
  });
  const addresses = servers.map(({ address }) => address);
  const ask = async (name = 'example.org', asked = addresses): Promise<Packet | undefined> => {
    const questions = [{ type: 'A', name } as const];
    const received = readQuery(encode({ type: 'query', id: 7, flags: 0x01_00, questions }));
    assert.equal(received.kind, 'query');
    const answer = await upstream.ask(received.query, asked);
    return answer === undefined ? undefined : decode(answer);
  };
  const heard = (): readonly number[] => servers.map((one) => one.heard.length);
  const stop = async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
  };
  return { servers, clock, ask, heard, [Symbol.asyncDispose]: stop };
}

test('an answer is kept for as long as it says, and ages meanwhile', async () => {
  await using at = await site(() => ({ answers: [a(60), a(30, '192.0.2.2')] }));
  const ttls = async () => ((await at.ask())?.answers ?? []).map((one) => 'ttl' in one && one.ttl);
  assert.deepEqual(await ttls(), [60, 30]);
  at.clock.seconds = 29;
  assert.deepEqual(await ttls(), [31, 1]);
  assert.deepEqual(at.heard(), [1]);
  at.clock.seconds = 30;
  assert.deepEqual(await ttls(), [60, 30]);
  assert.deepEqual(at.heard(), [2]);
});

test('another name, and another letter case, are asked for as they are', async () => {
  await using at = await site(() => ({ answers: [a(60)] }));
  await at.ask('example.org');
  await at.ask('example.net');
  await at.ask('EXAMPLE.org');
  assert.deepEqual(
    at.servers[0]?.heard.map(({ name }) => name),
    ['example.org', 'example.net'],
  );
});

const kept: readonly (readonly [string, Reply, number])[] = [
  ['an answer that is for now alone', { answers: [a(0)] }, 0],
  ['a time whose first bit is set', { answers: [a(0x80_00_00_00)] }, 0],
  ['a year', { answers: [a(31_536_000)] }, 3_600],
  ['no such name, without an authority', { code: answerCodes.noSuchName }, 0],
  [
    'no such name, as long as its authority says',
    { code: answerCodes.noSuchName, authorities: [authority(600, 20)] },
    20,
  ],
  ['no such record, with a long time', { authorities: [authority(86_400, 86_400)] }, 60],
  ['a failure', { code: answerCodes.serverFailure, answers: [a(60)] }, 0],
];
for (const [what, reply, seconds] of kept) {
  test(`${what} is kept for ${seconds} s`, async () => {
    await using at = await site(() => reply);
    await at.ask();
    const [before = 0] = at.heard();
    if (seconds > 0) {
      at.clock.seconds = seconds - 1;
      await at.ask();
      assert.deepEqual(at.heard(), [before]);
    }
    at.clock.seconds = seconds;
    await at.ask();
    assert.ok((at.heard()[0] ?? 0) > before);
  });
}

test('who asks what is being asked waits for the same answer', async () => {
  await using at = await site(() => ({ answers: [a(0)] }));
  const answers = await Promise.all(Array.from({ length: 20 }, () => at.ask()));
  assert.ok(answers.every((answer) => answer?.answers?.length === 1));
  assert.deepEqual(at.heard(), [1]);
});

test('numbers and ports of queries differ', async () => {
  await using at = await site(() => ({ answers: [a(0)] }));
  for (let count = 0; count < 20; count += 1) await at.ask();
  const heard = at.servers[0]?.heard ?? [];
  assert.ok(new Set(heard.map(({ id }) => id)).size > 15);
  assert.ok(new Set(heard.map(({ port }) => port)).size > 10);
});

test('who is silent is passed over, and asked last for a while', async () => {
  await using at = await site(
    () => undefined,
    () => ({ answers: [a(0)] }),
  );
  assert.equal((await at.ask())?.answers?.length, 1);
  assert.deepEqual(at.heard(), [1, 1]);
  await at.ask();
  assert.deepEqual(at.heard(), [1, 2]);
  at.clock.seconds = 11;
  await at.ask();
  assert.deepEqual(at.heard(), [2, 3]);
});

test('who fails is passed over; what all say is the answer', async () => {
  await using at = await site(
    () => ({ code: answerCodes.serverFailure }),
    () => ({ code: answerCodes.refused }),
  );
  const flags = (await at.ask())?.flags ?? 0;
  assert.equal(flags & headerFlags.code, answerCodes.serverFailure);
  assert.deepEqual(at.heard(), [1, 1]);
});

test('a lost datagram is sent again', async () => {
  let lost = 1;
  await using at = await site(() => (lost-- > 0 ? undefined : { answers: [a(0)] }));
  assert.equal((await at.ask())?.answers?.length, 1);
  assert.deepEqual(at.heard(), [2]);
});

test('where nobody is, there is no answer, and no waiting', async () => {
  await using at = await site(() => ({ answers: [a(0)] }));
  assert.equal(await at.ask('example.org', ['127.0.0.77']), undefined);
  assert.equal(await at.ask('example.org', []), undefined);
});

test('where no way leads to a server, the next one is asked', async () => {
  await using at = await site(() => ({ answers: [a(0)] }));
  // The kernel refuses to connect to all of a network, as it does where no route leads to a server.
  assert.equal(await at.ask('example.org', ['255.255.255.255']), undefined);
  assert.equal((await at.ask('example.org', ['255.255.255.255', '127.0.0.2']))?.answers?.length, 1);
});

test('what does not fit into a datagram is fetched over TCP, and kept', async () => {
  await using at = await site(() => undefined);
  const [server] = at.servers;
  assert.ok(server);
  server.reply = ({ over }) =>
    over === 'udp' ? { isTruncated: true } : { answers: [a(60), a(60, '192.0.2.2')] };
  assert.equal((await at.ask())?.answers?.length, 2);
  assert.equal((await at.ask())?.answers?.length, 2);
  assert.deepEqual(
    server.heard.map(({ over }) => over),
    ['udp', 'tcp'],
  );
});

test('an answer to another question, or with another number, is none', async () => {
  const others: readonly Reply[] = [
    { id: 1, answers: [a(60)] },
    { questions: [{ type: 'A', name: 'example.com' }], answers: [a(60)] },
    { questions: [{ type: 'AAAA', name: 'example.org' }], answers: [a(60)] },
    { questions: [], answers: [a(60)] },
  ];
  for (const other of others) {
    await using at = await siteOf(20, [() => other]);
    assert.equal(await at.ask(), undefined);
  }
});

test('the servers of the machine are those of its file, also after it changed', async () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'tutti-resolv-'));
  const path = join(directory.path, 'resolv.conf');
  await using one = await new StandInServer('127.0.0.2', () => ({ answers: [a(0)] })).listen();
  const { port } = one;
  const other = new StandInServer('127.0.0.3', () => ({ answers: [a(0)] }));
  await using _other = await other.listen(port);
  const clock = { seconds: 0 };
  const upstream = new UpstreamDns({ path, port, now: () => clock.seconds * 1_000 });
  const questions = [{ type: 'A', name: 'example.org' } as const];
  const received = readQuery(encode({ type: 'query', questions }));
  assert.equal(received.kind, 'query');
  writeFileSync(path, '# nameserver 127.0.0.9\nnameserver 127.0.0.2\nsearch b.test c.test\n');
  await upstream.ask(received.query, undefined);
  writeFileSync(path, 'search a.test\nnameserver 127.0.0.3\n');
  clock.seconds = 2;
  await upstream.ask(received.query, undefined);
  assert.deepEqual([one.heard.length, other.heard.length], [1, 1]);
  assert.deepEqual(upstream.searchDomains(), ['a.test']);
});
