import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { ApiClient } from '../client/api-client.ts';
import type { DrainReport } from '../model/report.ts';
import type { CliContext, Terminal } from './context.ts';
import { drainView } from './drain-view.ts';
import { openReportScreen } from './report-screen.ts';

const node: DrainReport['node'] = {
  id: 'n1',
  hostname: 'vm',
  address: '192.0.2.1',
  role: 'worker',
  availability: 'drain',
  state: 'ready',
  tasks: 2,
};

function report(...left: DrainReport['left']): DrainReport {
  return { node, left, waiting: [], stopped: [], notes: [] };
}

const waits = { id: 't2', name: 'w.2', step: 'waits', why: 'it waits for its turn' } as const;
const moves = {
  id: 't1',
  name: 'w.1',
  step: 'moves',
  why: 'its successor on vm2 is ready',
} as const;

/** What is written to standard error. */
function contextOf(how: { readonly json?: boolean; readonly terminal?: Terminal }): {
  readonly context: CliContext;
  readonly written: string[];
} {
  const written: string[] = [];
  const paint = (_: string, text: string): string => text;
  const context: CliContext = {
    client: new ApiClient('/nowhere'),
    json: how.json === true,
    signal: new AbortController().signal,
    output: {
      terminal: how.terminal,
      paint,
      notePaint: paint,
      write: (text) => assert.fail(`standard output got ${text}`),
      note: (text) => void written.push(text),
    },
  };
  return { context, written };
}

test('elsewhere than on a terminal each change is a line, told once', () => {
  const { context, written } = contextOf({});
  const screen = openReportScreen(context, drainView('vm'));
  screen.show(report(moves, waits));
  screen.tick();
  screen.show(report(moves, waits));
  screen.show(report(waits));
  screen.close();
  assert.deepEqual(written, [
    'vm: 2 tasks left\n',
    'w.1 moves: its successor on vm2 is ready\n',
    'vm: 1 task left\n',
  ]);
});

test('a terminal shows how many have gone, and what moves before what waits', () => {
  const { context, written } = contextOf({ terminal: { columns: 60, rows: 10 } });
  const screen = openReportScreen(context, drainView('vm'));
  screen.show(report(waits, moves));
  screen.show(report(waits));
  screen.close();
  const pictures = written.map((text) => stripVTControlCharacters(text).split('\n'));
  assert.match(pictures[0]?.[0] ?? '', /^⠋ vm: 0 of 2 tasks gone {2}0 s$/);
  assert.deepEqual(pictures[0]?.slice(1, 3), [
    '  w.1  moves  its successor on vm2 is ready',
    '  w.2  waits  it waits for its turn',
  ]);
  assert.match(pictures[1]?.[0] ?? '', /vm: 1 of 2 tasks gone/);
});

test('for programs there is no progress', () => {
  const { context, written } = contextOf({ json: true });
  openReportScreen(context, drainView('vm')).show(report(moves));
  assert.deepEqual(written, []);
});
