import { createHash, createPrivateKey, type KeyObject, sign, verify } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/*
 * Proof that a request was made for this very connection, by whoever has the key: see
 * docs/design/joining.md. What TLS derives for one connection alone (RFC 5705, RFC 9266) is signed;
 * a recorded request, or one that somebody in the middle passes on, has another.
 */

const label = 'EXPERIMENTAL tutti join';
const exporterBytes = 32;
const purpose = 'tutti join';

/** The proof for a request, by its key (PKCS #8 in PEM); base64url. */
export function signBinding(
  socket: TLSSocket,
  asked: { readonly request: string; readonly key: string },
): string {
  const key = createPrivateKey(asked.key);
  return sign('sha256', boundBytes(socket, asked.request), key).toString('base64url');
}

/** Whether the proof is for this connection, this request and this key. */
export function isBound(
  socket: TLSSocket,
  asked: { readonly request: string; readonly proof: string; readonly publicKey: KeyObject },
): boolean {
  const proof = Buffer.from(asked.proof, 'base64url');
  return verify('sha256', boundBytes(socket, asked.request), asked.publicKey, proof);
}

function boundBytes(socket: TLSSocket, request: string): Buffer {
  const context = createHash('sha256').update(request).digest();
  const exported = socket.exportKeyingMaterial(exporterBytes, label, context);
  return Buffer.concat([Buffer.from(purpose), exported]);
}
