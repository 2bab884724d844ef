/*
 * Runs in every container of the network tests, and on the host outside: says who is who over TCP
 * and UDP, and does on request what a program in its place would do. It stands alone.
 */
import { createSocket } from 'node:dgram';
import { lookup, Resolver } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { createServer, request, type ServerResponse } from 'node:http';
import { hostname } from 'node:os';

const port = Number(process.argv[2] ?? '80');
const callLimitMs = 3_000;
const streams = new Set<ServerResponse>();
let isStopping = false;

interface Answer {
  readonly value?: unknown;
  /** The code of what went wrong, or `no-answer`. */
  readonly error?: string;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** The address of a client, as IPv4. */
function plain(address: string | undefined): string {
  return (address ?? '').replace('::ffff:', '');
}

function call(to: string): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const asked = request(`http://${to}/who`, { agent: false }, (response) => {
    let body = '';
    response.on('data', (chunk: Buffer) => (body += chunk.toString()));
    response.on('end', () => resolve({ value: JSON.parse(body) as unknown }));
  });
  // The request's own limit begins when it is connected.
  const timer = setTimeout(() => resolve({ error: 'no-answer' }), callLimitMs);
  asked.on('error', (error) => resolve({ error: codeOf(error) }));
  asked.end();
  return promise.finally(() => {
    clearTimeout(timer);
    asked.destroy();
  });
}

/** Reads a stream of another to its end. */
function follow(to: string): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const asked = request(`http://${to}/stream`, { agent: false }, (response) => {
    let body = '';
    response.on('data', (chunk: Buffer) => (body += chunk.toString()));
    response.on('end', () => resolve({ value: body }));
    response.on('error', (error) => resolve({ error: codeOf(error) }));
  });
  asked.on('error', (error) => resolve({ error: codeOf(error) }));
  asked.end();
  return promise;
}

/** One datagram; the answer to a text is JSON, to other bytes (hexadecimal) bytes. */
function send(
  to: string,
  { from, bytes }: { readonly from: number; readonly bytes: string },
): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const [host = '', toPort = ''] = to.split(':');
  const socket = createSocket('udp4');
  const timer = setTimeout(() => resolve({ error: 'no-answer' }), callLimitMs);
  socket.on('message', (message) => {
    const value =
      bytes === '' ? (JSON.parse(message.toString()) as unknown) : message.toString('hex');
    resolve({ value });
  });
  socket.on('error', (error) => resolve({ error: codeOf(error) }));
  // A connected socket hears of refusals.
  const said = bytes === '' ? 'who?' : Buffer.from(bytes, 'hex');
  socket.bind(from, () => socket.connect(Number(toPort), host, () => socket.send(said)));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

async function attempt(act: () => Promise<unknown>): Promise<Answer> {
  try {
    return { value: await act() };
  } catch (error) {
    return { error: codeOf(error) };
  }
}

async function answer(url: URL): Promise<Answer> {
  const argument = (name: string) => url.searchParams.get(name) ?? '';
  switch (url.pathname) {
    case '/lookup':
      return await attempt(async () => {
        const found = await lookup(argument('name'), { all: true, family: 4 });
        return found.map(({ address }) => address).toSorted();
      });
    case '/query':
      return await attempt(async () => {
        const resolver = new Resolver({ timeout: 1_000, tries: 1 });
        const server = argument('server');
        if (server !== '') resolver.setServers([server]);
        return await resolver.resolve(argument('name'), argument('type') || 'A');
      });
    case '/call':
      return await call(argument('to'));
    case '/follow':
      return await follow(argument('to'));
    case '/send':
      return await send(argument('to'), {
        from: Number(argument('from')),
        bytes: argument('bytes'),
      });
    case '/healthy':
      writeFileSync('/tmp/healthy', '');
      return { value: true };
    default:
      return { error: 'unknown' };
  }
}

const server = createServer((asked, response) => {
  const url = new URL(asked.url ?? '/', 'http://task');
  const client = plain(asked.socket.remoteAddress);
  response.setHeader('Connection', 'close');
  if (url.pathname === '/who') {
    response.end(JSON.stringify({ host: hostname(), client, isStopping }));
  } else if (url.pathname === '/stream') {
    streams.add(response);
    response.write(`${hostname()} began\n`);
    response.on('close', () => streams.delete(response));
  } else {
    void answer(url).then((value) => response.end(JSON.stringify(value)));
  }
});
server.listen(port);

const socket = createSocket({ type: 'udp6' });
socket.on('message', (_message, { address, port: from }) => {
  const reply = JSON.stringify({ host: hostname(), client: plain(address), isStopping });
  socket.send(reply, from, address);
});
socket.bind(port);

process.on('SIGTERM', () => {
  isStopping = true;
  // Long enough for who is still led here to come.
  setTimeout(() => {
    for (const response of streams) response.end('ended\n');
    setTimeout(() => process.exit(0), 200);
  }, 800);
});
