import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runManagersSeed } from './managers-life.ts';

test('a seed of several managers has the same life each time, to the last line of its log', async () => {
  const lives: string[][] = [];
  for (let life = 0; life < 2; life += 1) {
    const lines: string[] = [];
    const { violations, takeovers } = await runManagersSeed(4, {
      tell: (line) => lines.push(line),
    });
    lives.push([...lines, String(takeovers), ...violations.map(({ message }) => message)]);
  }
  assert.ok((lives[0]?.length ?? 0) > 100);
  assert.deepEqual(lives[0], lives[1]);
});
