import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const cipherName = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
const keyIdBytes = 6;
const sealedVersion = 'sealed-1';

/** Every sealed text begins like this, and nothing in base64 does. */
export const sealedPrefix = `${sealedVersion}.`;

/** Seals with AES-256-GCM; what the text is for is part of what is sealed. */
export function sealText(key: Buffer, text: string, purpose: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(cipherName, key, nonce).setAAD(Buffer.from(purpose));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  const parts = [nonce, sealed].map((part) => part.toString('base64url'));
  return [sealedVersion, keyIdOf(key), ...parts].join('.');
}

/** The text; or in words why it cannot be had. */
export function openSealed(
  key: Buffer,
  sealedText: string,
  purpose: string,
): { readonly text: string } | { readonly why: string; readonly cause?: unknown } {
  const [version, id, nonce = '', sealed = ''] = sealedText.split('.');
  if (version !== sealedVersion) return { why: 'it is no sealed text' };
  if (id !== keyIdOf(key)) return { why: `it was sealed under another key, ${id}` };
  const bytes = Buffer.from(sealed, 'base64url');
  try {
    const decipher = createDecipheriv(cipherName, key, Buffer.from(nonce, 'base64url'))
      .setAAD(Buffer.from(purpose))
      .setAuthTag(bytes.subarray(-tagBytes));
    const text = decipher.update(bytes.subarray(0, -tagBytes));
    return { text: Buffer.concat([text, decipher.final()]).toString('utf8') };
  } catch (cause) {
    return { why: 'it is damaged, or sealed for something else', cause };
  }
}

/** Tells keys apart without saying anything of them. */
function keyIdOf(key: Buffer): string {
  return createHash('sha256')
    .update('sealing key')
    .update(key)
    .digest('hex')
    .slice(0, 2 * keyIdBytes);
}
