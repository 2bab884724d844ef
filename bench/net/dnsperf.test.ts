import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readNameLoad } from './dnsperf.ts';

const output = `DNS Performance Testing Tool
> NOERROR s8340 A 0.015570
> NOERROR s687 A 0.000855

Statistics:

  Queries sent:         3
  Queries completed:    2 (66.67%)
  Queries lost:         1 (33.33%)

  Response codes:       NOERROR 2 (100.00%)
  Run time (s):         0.030350
  Queries per second:   164.744646
`;

test('throughput, what was lost, and each latency are read', () => {
  const load = readNameLoad(output);
  assert.deepEqual(load, { perSecond: 164.744646, lost: 1, latenciesMs: [15.57, 0.855] });
});

test('a run in which names were not found is no figure', () => {
  const none = output.replace('NOERROR 2 (100.00%)', 'NOERROR 1 (50.00%), NXDOMAIN 1 (50.00%)');
  assert.throws(() => readNameLoad(none), /1 of 2 answers had records/);
  assert.throws(() => readNameLoad('unable to connect'), /dnsperf said/);
});
