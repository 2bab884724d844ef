import { once } from 'node:events';
import type { ClientHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { authorise, type Knowledge } from '../../src/ca/authorise.ts';
import { SecureClient, type SecureClientOptions } from '../../src/os/tls-client.ts';
import { type Credentials, SecureServer, type ServerTrust } from '../../src/os/tls-server.ts';

/** Rows and roots that the server judges by; a test changes them under open links. */
export interface Judge {
  knowledge: Knowledge;
}

/**
 * A manager's port on the loopback that answers each call with what `authorise` says of who makes
 * it: the path is the call.
 */
export class ManagerPort implements AsyncDisposable {
  readonly server: SecureServer;
  readonly #sessions = new Set<ClientHttp2Session>();
  readonly #judge: Judge;

  constructor(options: {
    readonly credentials: Credentials;
    readonly trust: ServerTrust;
    readonly judge: Judge;
  }) {
    this.#judge = options.judge;
    this.server = new SecureServer({ ...options, clusterId: 'c1' });
    this.server.http.on('stream', (stream: ServerHttp2Stream, headers) => {
      this.#answer(stream, headers[':path']?.slice(1) ?? '');
    });
    // What a peer does to its own connection is nobody's fault here.
    this.server.http.on('sessionError', () => undefined);
  }

  async listen(): Promise<void> {
    this.server.http.listen(0, '127.0.0.1');
    await once(this.server.http, 'listening');
  }

  get port(): number {
    return (this.server.http.address() as AddressInfo).port;
  }

  /** A link of a client, and what one call on it says. */
  async connect(client: SecureClient): Promise<Link> {
    const session = await client.connect({ host: '127.0.0.1', port: this.port });
    this.#sessions.add(session);
    return new Link(session);
  }

  /** One call on a link of its own. */
  async ask(options: SecureClientOptions, call: string): Promise<string> {
    const link = await this.connect(new SecureClient(options));
    return await link.ask(call);
  }

  #answer(stream: ServerHttp2Stream, call: string): void {
    stream.on('error', () => undefined);
    const certificate = this.server.peer(stream);
    const said = authorise({ call, certificate }, this.#judge.knowledge);
    stream.respond({ ':status': said.kind === 'refused' ? 403 : 200 });
    stream.end(
      said.kind === 'refused'
        ? said.reason
        : said.kind === 'node'
          ? `${said.nodeId} as ${said.role}`
          : 'anyone',
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    this.server.http.close();
    await once(this.server.http, 'close');
  }
}

export class Link {
  readonly session: ClientHttp2Session;

  constructor(session: ClientHttp2Session) {
    this.session = session;
  }

  get isResumed(): boolean {
    return (this.session.socket as TLSSocket).isSessionReused();
  }

  /** `<node> as <role>`, or the reason of the refusal. */
  async ask(call: string): Promise<string> {
    const stream = this.session.request({ ':path': `/${call}` });
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
    return text;
  }
}
