import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseByteSize, parseDurationMs } from './units.ts';

test('durations are read as Compose writes them', () => {
  const table: readonly (readonly [string, number | undefined])[] = [
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
    ['250us', 0.25],
    ['0', 0],
    ['', undefined],
    ['10', undefined],
    ['ten seconds', undefined],
    ['10s later', undefined],
  ];
  for (const [text, expected] of table) assert.equal(parseDurationMs(text), expected, text);
});

test('sizes are powers of 1024 however they are spelled', () => {
  const table: readonly (readonly [string, number | undefined])[] = [
    ['1024', 1024],
    ['64m', 64 * 1024 ** 2],
    ['64M', 64 * 1024 ** 2],
    ['1gb', 1024 ** 3],
    ['2GiB', 2 * 1024 ** 3],
    ['1.5k', 1536],
    ['lots', undefined],
    ['-1m', undefined],
    ['', undefined],
  ];
  for (const [text, expected] of table) assert.equal(parseByteSize(text), expected, text);
});
