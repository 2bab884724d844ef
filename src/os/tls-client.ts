import * as http2 from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { TuttiError } from '../lib/error.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import type { Credentials } from './tls-server.ts';

/** The name by which managers alone go; see docs/design/identity.md, Formats. */
const managerName = 'swarm-manager';
const connectLimitMs = 10_000;

export interface SecureClientOptions {
  /** Absent while the node has no certificate. */
  readonly credentials?: Credentials;
  /** Roots that are believed, in PEM; `anybody`: nothing is verified, and nothing worth it sent. */
  readonly roots: readonly string[] | 'anybody';
  readonly settings?: http2.Settings;
  readonly maxSessionMemory?: number;
}

/**
 * Connections to managers: HTTP/2 over TLS 1.3. A peer that is no manager of this cluster is
 * refused by TLS itself, by its root or by its name.
 */
export class SecureClient {
  #options: SecureClientOptions;
  /**
   * The newest ticket of each manager: resuming saves both sides the signatures. A resumed link
   * brings no new ticket, so one is used again; that it can be recognised is no harm here.
   */
  readonly #tickets = new Map<string, Buffer>();

  constructor(options: SecureClientOptions) {
    this.#options = options;
  }

  /**
   * @throws TuttiError `unavailable`, or `unauthenticated` where the peer is not to be believed.
   */
  async connect(address: HostPort, signal?: AbortSignal): Promise<http2.ClientHttp2Session> {
    const socket = await this.#handshake(address, signal);
    const { settings, maxSessionMemory } = this.#options;
    const session = http2.connect(`https://${managerName}`, {
      createConnection: () => socket,
      ...(settings === undefined ? {} : { settings }),
      ...(maxSessionMemory === undefined ? {} : { maxSessionMemory }),
    });
    // Every stream reports the loss to its own user.
    session.on('error', () => undefined);
    return session;
  }

  /** For connections from now on. */
  rotate(options: SecureClientOptions): void {
    this.#options = options;
    this.#tickets.clear();
  }

  async #handshake(address: HostPort, signal: AbortSignal | undefined): Promise<TLSSocket> {
    const { credentials, roots } = this.#options;
    const name = formatHostPort(address);
    const ticket = this.#tickets.get(name);
    const socket = connectTls({
      ...address,
      servername: managerName,
      ALPNProtocols: ['h2'],
      minVersion: 'TLSv1.3',
      ...(roots === 'anybody' ? { rejectUnauthorized: false } : { ca: [...roots] }),
      ...(credentials === undefined ? {} : { key: credentials.key, cert: credentials.certificate }),
      ...(ticket === undefined ? {} : { session: ticket }),
    });
    socket.on('session', (next: Buffer) => this.#tickets.set(name, next));
    try {
      await secured(socket, signal);
    } catch (reason) {
      socket.destroy();
      throw explain(name, reason);
    }
    return socket;
  }
}

async function secured(socket: TLSSocket, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('it closed the connection')));
    const abort = (): void => reject(new Error('given up'));
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('close', () => signal?.removeEventListener('abort', abort));
    socket.setTimeout(connectLimitMs, () => {
      reject(new Error(`no answer within ${connectLimitMs / 1_000} s`));
    });
  });
  socket.setTimeout(0);
}

/** Sentences for what OpenSSL says of a chain (X509_verify_cert_error_string). */
const meanings: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: the clocks differ',
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is not a manager's",
  INVALID_PURPOSE: "its certificate is not a manager's",
  SELF_SIGNED_CERT_IN_CHAIN: 'it belongs to another cluster',
  UNABLE_TO_GET_ISSUER_CERT: 'it belongs to another cluster',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'it belongs to another cluster',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'it belongs to another cluster',
  CERT_SIGNATURE_FAILURE: 'its certificate is forged',
};

function explain(name: string, reason: unknown): TuttiError {
  const error = reason instanceof Error ? reason : new Error(String(reason));
  const code = 'code' in error ? String(error.code) : '';
  const meaning = Object.hasOwn(meanings, code) ? meanings[code] : undefined;
  if (meaning === undefined) {
    return new TuttiError(
      'unavailable',
      `the manager at ${name} cannot be reached: ${error.message}`,
      {
        cause: error,
      },
    );
  }
  return new TuttiError('unauthenticated', `${name} is no manager of this cluster: ${meaning}`, {
    cause: error,
  });
}
