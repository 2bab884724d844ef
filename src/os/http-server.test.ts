import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { after, before, beforeEach, test } from 'node:test';
import type { HttpForward, HttpHandler, HttpReply } from '../host/http.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import { UnixSocketPeer } from './http-peer.ts';
import { HttpServer } from './http-server.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

let directory: string;
let socketPath: string;
let upstreamPath: string;
let server: HttpServer;
let upstream: Server;
let peer: UnixSocketPeer;
let handle: HttpHandler;
let onUpstream: (request: IncomingMessage, response: ServerResponse) => void;
const upstreamSockets = new Set<Socket>();

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tutti-http-'));
  socketPath = join(directory, 'front.sock');
  upstreamPath = join(directory, 'back.sock');
  upstream = createServer((request, response) => onUpstream(request, response));
  upstream.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    void hijack(request, socket, head);
  });
  upstream.listen(upstreamPath);
  await once(upstream, 'listening');
  server = await HttpServer.listen({
    socketPath,
    logger: silent,
    bodyLimitBytes: 1_000,
    handle: async (request) => await handle(request),
  });
  peer = new UnixSocketPeer(socketPath);
});

after(async () => {
  peer.close();
  await server.close();
  for (const socket of upstreamSockets) socket.destroy();
  upstream.closeAllConnections();
  upstream.close();
  rmSync(directory, { recursive: true });
});

beforeEach(() => {
  handle = async () => reply('nobody said what to answer', 500);
  onUpstream = (_request, response) => response.end('upstream');
});

function reply(body: string, status = 200): HttpReply {
  return { kind: 'whole', status, headers: { 'X-Test': 'yes' }, body };
}

function forward(over: Partial<HttpForward> = {}): HttpForward {
  return {
    kind: 'forward',
    socketPath: upstreamPath,
    target: '/there?a=b',
    replyHeaders: { Server: 'front' },
    unreachable: reply('nobody there', 503),
    ...over,
  };
}

const { signal } = new AbortController();

async function ask(method: string, body?: string) {
  const call = { method, target: '/here', signal, ...(body === undefined ? {} : { body }) };
  const answer = await peer.call(call);
  return { ...answer, text: Buffer.from(answer.body).toString() };
}

test('a request arrives with method, path, query, headers and body', async () => {
  handle = async (request) => {
    const body = new TextDecoder().decode(await request.body());
    const { method, path, query, headers } = request;
    return reply(`${method} ${path} ${query.get('q')} ${headers['x-a']} ${body}`);
  };
  const answer = await peer.call({
    method: 'POST',
    target: '/a%20b?q=1',
    headers: { 'X-A': 'z' },
    body: 'hello',
    signal,
  });
  assert.equal(Buffer.from(answer.body).toString(), 'POST /a%20b 1 z hello');
  assert.equal(answer.headers['x-test'], 'yes');
  assert.equal(answer.headers['content-length'], '21');
});

test('the socket is its owner’s alone', () => {
  assert.equal(statSync(socketPath).mode & 0o777, 0o600);
});

test('a body beyond the limit is refused, and the connection does not take its rest for a request', async () => {
  handle = async (request) => {
    try {
      await request.body();
      return reply('read');
    } catch (error) {
      return reply(TuttiError.from(error).message, 413);
    }
  };
  const answer = await ask('POST', 'x'.repeat(5_000));
  assert.equal(answer.status, 413);
  assert.match(answer.text, /larger than 1000 bytes/);
  assert.equal((await ask('GET')).text, 'read');
});

test('a refusal waits for a small body, so that who still sends it can read the refusal', async () => {
  handle = async () => reply('no', 403);
  const socket = connect(socketPath);
  socket.write('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst');
  // Another request is answered meanwhile: the refusal had every chance to come too early.
  assert.equal((await ask('GET')).text, 'no');
  assert.equal(socket.read(), null);
  socket.write('laterGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const both = (await buffer(socket)).toString();
  assert.equal(both.match(/HTTP\/1\.1 403 Forbidden/g)?.length, 2);
});

test('a handler that throws becomes a 500 with a message, and the next request is served', async () => {
  handle = async () => {
    throw new Error('a defect');
  };
  const answer = await ask('GET');
  assert.equal(answer.status, 500);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(answer.text), { message: 'internal error: a defect' });
  handle = async () => reply('fine');
  assert.equal((await ask('GET')).text, 'fine');
});

test('HEAD gets the headers of GET and no body', async () => {
  handle = async () => reply('12345');
  const answer = await ask('HEAD');
  assert.equal(answer.headers['content-length'], '5');
  assert.equal(answer.text, '');
});

test('a stream sends its headers before its first chunk', async () => {
  const first = Promise.withResolvers<string>();
  handle = async () => ({
    kind: 'stream',
    status: 200,
    headers: {},
    chunks: (async function* () {
      yield await first.promise;
      yield new TextEncoder().encode('two');
    })(),
  });
  const answer = await peer.open({ method: 'GET', target: '/', signal });
  assert.equal(answer.status, 200);
  first.resolve('one,');
  assert.equal((await collect(answer.chunks)).toString(), 'one,two');
});

test('a client that leaves ends the stream and aborts the signal', async () => {
  const ended = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  handle = async (request) => {
    request.signal.addEventListener('abort', () => aborted.resolve());
    return {
      kind: 'stream',
      status: 200,
      headers: {},
      chunks: (async function* () {
        try {
          yield 'x';
          await aborted.promise;
        } finally {
          ended.resolve();
        }
      })(),
    };
  };
  const leave = new AbortController();
  const answer = await peer.open({ method: 'GET', target: '/', signal: leave.signal });
  const reading = collect(answer.chunks).catch(() => undefined);
  leave.abort();
  await Promise.all([aborted.promise, ended.promise, reading]);
});

test('a forwarded request keeps method, target, headers and body; the reply gets our headers', async () => {
  onUpstream = (request, response) => {
    void text(request).then((body) => {
      response.writeHead(201, { Server: 'back', 'X-Back': 'yes' });
      response.end(`${request.method} ${request.url} ${String(request.headers['x-a'])} ${body}`);
    });
  };
  handle = async () => forward();
  const answer = await peer.call({
    method: 'PUT',
    target: '/here',
    headers: { 'X-A': 'z' },
    body: 'y'.repeat(100_000),
    signal,
  });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers['server'], 'front');
  assert.equal(answer.headers['x-back'], 'yes');
  const said = Buffer.from(answer.body).toString();
  assert.equal(said, `PUT /there?a=b z ${'y'.repeat(100_000)}`);
});

test('a body that was read already is sent instead of the request’s own', async () => {
  onUpstream = (request, response) => {
    void text(request).then((body) => response.end(`${request.headers['content-length']} ${body}`));
  };
  handle = async (request) => {
    await request.body();
    return forward({ body: new TextEncoder().encode('changed') });
  };
  assert.equal((await ask('POST', 'sent')).text, '7 changed');
});

test('a forwarded stream passes chunks on as they come', async () => {
  const next = Promise.withResolvers<void>();
  onUpstream = (_request, response) => {
    response.write('one,');
    void next.promise.then(() => response.end('two'));
  };
  handle = async () => forward();
  const answer = await peer.open({ method: 'GET', target: '/', signal });
  const chunks = answer.chunks[Symbol.asyncIterator]();
  assert.equal(Buffer.from((await chunks.next()).value ?? '').toString(), 'one,');
  next.resolve();
  assert.equal(Buffer.from((await chunks.next()).value ?? '').toString(), 'two');
});

test('where nobody listens, the reply is the one given for that', async () => {
  handle = async () => forward({ socketPath: join(directory, 'nobody.sock') });
  const answer = await ask('GET');
  assert.equal(answer.status, 503);
  assert.equal(answer.text, 'nobody there');
});

test('an upgraded connection carries both ways, and each end of input by itself', async () => {
  handle = async () => forward();
  const { socket, head } = await upgrade('hello');
  assert.match(head, /^HTTP\/1\.1 101 UPGRADED\r\n/);
  socket.write('first ');
  socket.end('last');
  assert.equal((await buffer(socket)).toString(), 'body hello;first last;end');
});

test('a header that comes several times goes on several times', async () => {
  onUpstream = (request, response) => {
    const { 'x-many': many } = request.headersDistinct;
    response.setHeader('X-Back', ['c', 'd']);
    response.end(JSON.stringify(many));
  };
  handle = async () => forward();
  const socket = connect(socketPath);
  socket.write('GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Many: a\r\nX-Many: b\r\n\r\n');
  const said = (await buffer(socket)).toString();
  assert.match(said, /\["a","b"\]/);
  assert.match(said, /x-back: c\r\nx-back: d\r\n/i);
});

test('an upgrade that the other server refuses comes back as a plain reply', async () => {
  handle = async () => forward({ target: '/refuse' });
  const { socket, head } = await upgrade('x');
  assert.match(head, /^HTTP\/1\.1 404 /);
  assert.match(head, /Server: front\r\n/);
  assert.equal((await buffer(socket)).toString().endsWith('no such container'), true);
});

test('an upgrade where nobody listens gets the reply given for that', async () => {
  handle = async () => forward({ socketPath: join(directory, 'nobody.sock') });
  const { head } = await upgrade('x');
  assert.match(head, /^HTTP\/1\.1 503 /);
});

test('a client that would rather speak HTTP/2 is served all the same', async () => {
  handle = async (request) => reply(new TextDecoder().decode(await request.body()));
  const { socket, head } = await upgrade('a body', 'h2c');
  assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
  assert.equal((await buffer(socket)).toString(), 'a body');
});

test('a stale socket file is replaced, a live one is not', async () => {
  const stale = join(directory, 'stale.sock');
  const made = `${stale}.made`;
  const dead = createServer().listen(made);
  await once(dead, 'listening');
  // Closing would remove it.
  renameSync(made, stale);
  dead.close();
  const options = { socketPath: stale, logger: silent, handle: async () => reply('new') };
  const second = await HttpServer.listen(options);
  await assert.rejects(HttpServer.listen(options), { code: 'already-exists' });
  await second.close();
});

test('a file that is no socket is nobody to replace', async () => {
  const file = join(directory, 'letter.txt');
  writeFileSync(file, 'dear');
  const options = { socketPath: file, logger: silent, handle: async () => reply('new') };
  await assert.rejects(HttpServer.listen(options), { code: 'unavailable' });
  assert.equal(readFileSync(file, 'utf8'), 'dear');
});

test('calling where nobody listens says so', async () => {
  const nobody = new UnixSocketPeer(join(directory, 'nobody.sock'));
  await assert.rejects(nobody.call({ method: 'GET', target: '/', signal }), {
    code: 'unavailable',
    message: /nothing answers on .*nobody\.sock/,
  });
});

/** Sends what the docker CLI sends for `exec` and `attach`, and reads the reply's head. */
async function upgrade(
  body: string,
  protocol = 'tcp',
): Promise<{ readonly socket: Socket; readonly head: string }> {
  const socket = connect({ path: socketPath, allowHalfOpen: true });
  socket.write(
    `POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  let seen = '';
  while (!seen.includes('\r\n\r\n')) {
    await once(socket, 'readable');
    seen += String(socket.read() ?? '');
  }
  const end = seen.indexOf('\r\n\r\n') + 4;
  if (end < seen.length) socket.unshift(Buffer.from(seen.slice(end)));
  return { socket, head: seen.slice(0, end) };
}

/** Answers an upgrade as the container engine does: says what it got once its input has ended. */
async function hijack(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
  upstreamSockets.add(socket);
  if (request.url === '/refuse') {
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 17\r\n\r\nno such container');
    return;
  }
  const length = Number(request.headers['content-length']);
  const parsed = await text(request);
  socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
  let all = parsed + head.toString();
  // Not by iterating: that would destroy the socket at its end, and nothing could be said any more.
  socket.on('data', (chunk: Buffer) => {
    all += chunk.toString();
  });
  await once(socket, 'end');
  socket.end(`body ${all.slice(0, length)};${all.slice(length)};end`);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}
