import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLogFrames } from './log-frames.ts';

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

test('frames come out whole however the bytes were cut', async () => {
  const whole = Buffer.concat([frame(1, 'one\n'), frame(2, 'zwölf\n'), frame(1, '')]);
  for (const size of [1, 3, 8, 9, 1_000]) {
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
    };
    assert.deepEqual(await Array.fromAsync(readLogFrames(pieces())), [
      { stream: 'stdout', text: 'one\n' },
      { stream: 'stderr', text: 'zwölf\n' },
      { stream: 'stdout', text: '' },
    ]);
  }
});
