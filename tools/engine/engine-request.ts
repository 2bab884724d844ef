import { request } from 'node:http';

export interface EngineRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** After this long without an answer the engine counts as not there. */
  readonly timeoutMs?: number;
}

export interface EngineReply {
  readonly status: number;
  readonly body: string;
}

/**
 * One request to a container engine at a Unix socket.
 *
 * @throws {Error} of `node:http` when nothing answers there.
 */
export function requestEngine(
  socketPath: string,
  { method = 'GET', path, timeoutMs = 60_000 }: EngineRequest,
): Promise<EngineReply> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const outgoing = request({ socketPath, method, path, agent: false, signal }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}

/** Whether a container engine answers at the socket. */
export async function engineAnswers(socketPath: string): Promise<boolean> {
  try {
    const { status } = await requestEngine(socketPath, { path: '/_ping', timeoutMs: 2_000 });
    return status === 200;
  } catch {
    return false;
  }
}
