import type { HttpReply } from '../host/http.ts';

/** `/_ping`: clients read the headers, monitors the `OK`. */
export function pingReply(): HttpReply {
  return {
    kind: 'whole',
    status: 200,
    headers: {
      'Cache-Control': 'no-cache, no-store, must-revalidate',
      'Content-Type': 'text/plain; charset=utf-8',
      Pragma: 'no-cache',
    },
    body: 'OK',
  };
}
