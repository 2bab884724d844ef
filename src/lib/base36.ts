/** Bytes as one big-endian number in base 36, filled up with zeros or cut to its last digits. */
export function toBase36(bytes: Uint8Array, length: number): string {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value.toString(36).padStart(length, '0').slice(-length);
}
