import { get } from 'node:https';

/** What a client shows and whom it believes, as `node:tls` takes it. */
export interface AskPeer {
  readonly url: string;
  readonly key?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly ca: string | Buffer | readonly string[];
  /** Default `/version`. */
  readonly path?: string;
}

/** The status of what a member of etcd is asked as a peer; rejects where it refuses to talk. */
export async function askPeer({ url, path = '/version', ...shown }: AskPeer): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const { ca, ...own } = shown;
  const options = { ...own, ca: ca as string | Buffer | string[], agent: false };
  const request = get(`${url}${path}`, options, (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  });
  request.on('error', reject);
  return await promise;
}
