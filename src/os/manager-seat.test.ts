import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readSeat, type SeatFile, writeSeat } from './manager-seat.ts';

const directory = mkdtempSync(join(tmpdir(), 'tutti-seat-'));
after(() => rmSync(directory, { recursive: true }));

const seat: SeatFile = {
  nodeId: 'n1',
  clusterId: 'c1',
  listenAddress: '0.0.0.0:2377',
  etcd: {
    name: 'n1',
    directory: '/x/etcd',
    listenHost: '0.0.0.0',
    peerUrl: 'https://192.0.2.1:2380',
    firstMembers: [{ name: 'n1', peerUrl: 'https://192.0.2.1:2380' }],
    clusterId: 'c1',
    start: 'found',
  },
};

test('a seat is read as it was written', async () => {
  const path = join(directory, 'seat.json');
  await writeSeat(path, seat);
  assert.deepEqual(await readSeat(path), seat);
});

test('a seat that is cut off, or not whole, is refused by its path', async () => {
  const path = join(directory, 'cut.json');
  for (const text of ['', '{"nodeId":"n1"', '{"nodeId":"n1"}']) {
    writeFileSync(path, text);
    await assert.rejects(readSeat(path), { code: 'failed-precondition', message: /cut\.json/ });
  }
});
