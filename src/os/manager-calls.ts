import type { ClientHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { ManagerCalls, NodeIdentity } from '../host/node-identity.ts';
import { TuttiError } from '../lib/error.ts';
import { type HostPort, parseHostPort } from '../lib/host-port.ts';
import type { KnownManager } from '../model/known-manager.ts';
import {
  callLimitBytes,
  type CertificateAnswer,
  parseCertificateAnswer,
  parseRootAnswer,
  readRefusal,
  type WireRefusal,
} from '../wire/authority-calls.ts';
import { type Connection, requestStream } from './session-transport.ts';
import { signBinding } from './tls-binding.ts';
import { SecureClient, type SecureClientOptions } from './tls-client.ts';

/** A call is answered by then, or not at all. */
const answerLimitMs = 15_000;

/** Calls over a connection of their own, each; what they carry is in `wire/authority-calls.ts`. */
export const managerCalls: ManagerCalls = {
  async root(address, signal) {
    const { body } = await ask({ address, roots: 'anybody' }, { call: 'authority.root', signal });
    return parseRootAnswer(body);
  },
  async join(asked, signal) {
    const { address, root, key, ...call } = asked;
    return await certified(
      { address, roots: [root] },
      {
        call: 'authority.join',
        signal,
        body: (socket) => ({ ...call, proof: signBinding(socket, { request: call.request, key }) }),
      },
    );
  },
  async renew({ identity, request }, signal) {
    return await atAnyManager(identity, async (link) =>
      certified(link, {
        call: 'authority.renew',
        signal,
        body: (socket) => ({
          request,
          proof: signBinding(socket, { request, key: identity.key }),
          address: identity.membership?.address,
        }),
      }),
    );
  },
  async manager({ identity, call, body }, signal) {
    return await atAnyManager(identity, async (link) => {
      const { status, body: said } = await ask(link, { call, signal, body: () => body });
      const refusal = status === 403 ? readRefusal(said) : undefined;
      if (refusal === undefined) return said;
      const { message, hint } = refusal;
      throw new TuttiError('permission-denied', message, { hint });
    });
  },
  async leave(identity, signal) {
    await atAnyManager(identity, async (link) => ask(link, { call: 'node.leave', signal }));
  },
};

type Link = SecureClientOptions & { readonly address: HostPort };

interface Call {
  readonly call: string;
  readonly signal: AbortSignal;
  readonly body?: (socket: TLSSocket) => object;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** What a node shows of itself, and whom it believes. */
export function linkOf({ key, membership }: NodeIdentity): SecureClientOptions {
  if (membership === undefined) {
    throw new TuttiError('failed-precondition', 'this node is in no cluster');
  }
  const { certificate, roots } = membership;
  return { credentials: { key, certificate }, roots };
}

/**
 * The addresses of the managers that a node knows. Its own manager comes last, at the address that
 * the node has by now, which others may not know yet.
 */
export function addressesOf({ nodeId, membership }: NodeIdentity): readonly HostPort[] {
  if (membership === undefined) return [];
  const { managers, address: host } = membership;
  const isOwn = (manager: KnownManager): boolean => manager.nodeId === nodeId;
  const others = managers.filter((manager) => !isOwn(manager));
  const own = managers.filter(isOwn);
  return [
    ...others.flatMap(({ address }) => parseHostPort(address) ?? []),
    ...own.flatMap(({ address }) => {
      const known = parseHostPort(address);
      return known === undefined ? [] : { ...known, host };
    }),
  ];
}

async function atAnyManager<T>(
  identity: NodeIdentity,
  run: (link: Link) => Promise<T>,
): Promise<T> {
  let last: unknown = new TuttiError('unavailable', 'this node knows no manager');
  for (const address of addressesOf(identity)) {
    try {
      return await run({ ...linkOf(identity), address });
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

async function certified(link: Link, call: Call): Promise<CertificateAnswer | WireRefusal> {
  const { status, body } = await ask(link, call);
  const refusal = status === 403 ? readRefusal(body) : undefined;
  return refusal ?? parseCertificateAnswer(body);
}

async function ask(link: Link, { call, signal, body }: Call): Promise<Answer> {
  const { address, ...options } = link;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(answerLimitMs)]);
  const session = await new SecureClient(options).connect(address, limited);
  const connection: Connection = { session, streams: 0 };
  try {
    const text = body === undefined ? '' : JSON.stringify(body(session.socket as TLSSocket));
    const pending = requestStream(connection, { path: `/${call}`, signal: limited, text });
    const { stream, status } = await pending;
    const said = await readJson(stream, limited);
    if (status === 200 || status === 403) return { status, body: said };
    throw failure(call, { status, body: said });
  } finally {
    session.destroy();
  }
}

async function readJson(stream: ClientHttp2Stream, signal: AbortSignal): Promise<unknown> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > callLimitBytes) {
      throw new TuttiError('unavailable', 'the answer of the manager is too long');
    }
  }
  if (signal.aborted) throw new TuttiError('unavailable', 'the manager did not answer in time');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TuttiError('unavailable', 'the answer of the manager is no JSON', { cause });
  }
}

function failure(call: string, { status, body }: Answer): TuttiError {
  const said = typeof body === 'object' && body !== null && 'message' in body ? body.message : '';
  const code = status === 400 ? 'invalid-argument' : 'unavailable';
  return new TuttiError(code, `${call}: ${said === '' ? `status ${status}` : String(said)}`);
}
