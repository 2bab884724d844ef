import type { X509Certificate } from 'node:crypto';
import * as http2 from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { PeerCertificate } from '../model/identity.ts';
import { type KnownRoot, readPeerCertificate } from './certificates-read.ts';

/** What one side of a link shows of itself. */
export interface Credentials {
  /** PKCS #8 in PEM. */
  readonly key: string;
  /** The node's certificate and, behind it, what leads from older roots to its own. PEM. */
  readonly certificate: string;
}

/** Roots that certificates are held against; `trusted` ones are named in handshakes. */
export interface ServerTrust {
  readonly roots: readonly (KnownRoot & { readonly trusted: boolean })[];
}

export interface SecureServerOptions {
  readonly credentials: Credentials;
  readonly trust: ServerTrust;
  readonly clusterId: string;
  readonly settings?: http2.Settings;
  readonly maxSessionMemory?: number;
}

/** A stranger has that long to say hello. */
const handshakeLimitMs = 10_000;

interface Peer {
  readonly trust: ServerTrust;
  readonly said: PeerCertificate | undefined;
}

/**
 * HTTP/2 over TLS 1.3 for calls between nodes. A client certificate is asked for and not required:
 * a joiner has none, and an expired one must be heard. So the handshake lets nobody in; who calls
 * is asked for every stream, and `authorise` decides.
 */
export class SecureServer {
  readonly http: http2.Http2SecureServer;
  readonly #peers = new WeakMap<http2.Http2Session, Peer>();
  #trust: ServerTrust;

  constructor(options: SecureServerOptions) {
    const { credentials, trust, clusterId, settings, maxSessionMemory } = options;
    this.#trust = trust;
    this.http = http2.createSecureServer({
      ...contextOf(credentials, trust),
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: handshakeLimitMs,
      // Tickets of another cluster's server on this machine are none of ours.
      sessionIdContext: clusterId.slice(0, 32),
      ...(settings === undefined ? {} : { settings }),
      ...(maxSessionMemory === undefined ? {} : { maxSessionMemory }),
    });
  }

  /**
   * Who is at the other side of a stream, held against the roots as they are now. Undefined: it
   * showed no certificate.
   */
  peer({ session }: Pick<http2.ServerHttp2Stream, 'session'>): PeerCertificate | undefined {
    if (session === undefined) return undefined;
    const known = this.#peers.get(session);
    if (known?.trust === this.#trust) return known.said;
    const certificate = certificateOf(session);
    const said =
      certificate === undefined ? undefined : readPeerCertificate(certificate, this.#trust.roots);
    this.#peers.set(session, { trust: this.#trust, said });
    return said;
  }

  /**
   * Takes other credentials or roots for handshakes from now on. Links that are open stay, and are
   * judged by the new roots; tickets from before are worth nothing.
   */
  rotate(next: { readonly credentials: Credentials; readonly trust: ServerTrust }): void {
    this.#trust = next.trust;
    this.http.setSecureContext(contextOf(next.credentials, next.trust));
  }
}

function contextOf({ key, certificate }: Credentials, { roots }: ServerTrust) {
  return {
    key,
    cert: certificate,
    ca: roots.filter(({ trusted }) => trusted).map((root) => root.certificate),
    minVersion: 'TLSv1.3' as const,
  };
}

function certificateOf(session: http2.Http2Session): X509Certificate | undefined {
  return (session.socket as TLSSocket).getPeerX509Certificate();
}
