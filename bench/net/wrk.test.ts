import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLoad } from './wrk.ts';

const output = `Running 5s test @ http://10.0.1.2/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   512.00us    1.2ms  20.00ms   95.00%
    Req/Sec    12.3k     1.0k   13.9k    80.00%
  Latency Distribution
     50%  430.00us
     75%    0.90ms
     90%    1.10ms
     99%    2.50ms
  61500 requests in 5.00s, 8.0MB read
Requests/sec:  12300.50
Transfer/sec:      1.6MB
`;

test('throughput and percentiles are read in their units', () => {
  assert.deepEqual(readLoad(output), { perSecond: 12_300.5, p50Ms: 0.43, p99Ms: 2.5 });
});

test('a run with failed requests is no figure', () => {
  assert.throws(() => readLoad(`${output}  Socket errors: connect 0, read 3\n`), /failed/);
  assert.throws(() => readLoad('wrk: unable to connect'), /wrk said/);
});
