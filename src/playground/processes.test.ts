import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineProcess } from '../host/playground-machine.ts';
import { findPlayground, treeOf } from './processes.ts';

const own = 'pid:[1]';
const mark = (host: string) => ({ TUTTI_PLAYGROUND_ID: 'abc', TUTTI_PLAYGROUND_HOST: host });

function process(
  pid: number,
  fields: Partial<MachineProcess> & { readonly command: string },
): MachineProcess {
  return {
    pid,
    parentPid: 1,
    innerPid: pid,
    pidNamespace: own,
    isStopped: false,
    words: fields.command.split(' '),
    environment: {},
    ...fields,
  };
}

const inside = { pidNamespace: 'pid:[2]', environment: mark('worker-1') };
const processes: readonly MachineProcess[] = [
  process(10, { command: 'sleep infinity', environment: mark('') }),
  process(20, { command: 'unshare --net tini', environment: mark('worker-1') }),
  process(21, { command: 'tini -- sleep infinity', parentPid: 20, innerPid: 1, ...inside }),
  process(22, { command: 'sleep infinity', parentPid: 21, ...inside }),
  process(30, { command: '/usr/sbin/dockerd --live-restore', parentPid: 21, ...inside }),
  process(31, { command: 'containerd --root=/x', parentPid: 21, ...inside }),
  process(39, { command: 'setsid --fork node /x/src/main.ts daemon', parentPid: 21, ...inside }),
  process(40, { command: 'node /x/src/main.ts daemon --data-dir=/x', parentPid: 21, ...inside }),
  process(41, { command: 'node /x/src/main.ts manager /x', parentPid: 21, ...inside }),
  process(46, { command: '/usr/bin/etcd --name=x', parentPid: 41, pidNamespace: 'pid:[2]' }),
  process(42, { command: 'node /x/src/main.ts make-certificates', parentPid: 41, ...inside }),
  process(43, { command: 'bash -c daemon', parentPid: 21, ...inside }),
  process(44, {
    command: 'unshare --pid bash',
    parentPid: 21,
    ...inside,
  }),
  process(45, {
    command: 'bash',
    parentPid: 44,
    innerPid: 1,
    pidNamespace: 'pid:[5]',
    environment: mark('worker-1'),
  }),
  // In a container of the host.
  process(50, {
    command: 'dockerd',
    parentPid: 31,
    innerPid: 1,
    pidNamespace: 'pid:[3]',
  }),
  // Others on the machine.
  process(60, { command: 'dockerd' }),
  process(61, {
    command: 'tini -- sleep infinity',
    innerPid: 1,
    pidNamespace: 'pid:[4]',
    environment: { ...mark('worker-1'), TUTTI_PLAYGROUND_ID: 'other' },
  }),
];

test('hosts are found by their mark, and what runs on them by its namespace', () => {
  const found = findPlayground(processes, { id: 'abc', ownPidNamespace: own });
  assert.equal(found.fabric?.pid, 10);
  assert.deepEqual([...found.hosts.keys()], ['worker-1']);
  const host = found.hosts.get('worker-1');
  assert.equal(host?.first.pid, 21);
  assert.deepEqual(
    Object.entries(host.parts).map(([part, { pid }]) => `${part} ${pid}`),
    ['daemon 40', 'manager 41', 'etcd 46', 'engine 30', 'containerd 31'],
  );
  assert.deepEqual(
    found.marked.map(({ pid }) => pid),
    [10, 20, 21, 22, 30, 31, 39, 40, 41, 42, 43, 44, 45],
  );
});

test('of another playground nothing is found', () => {
  const found = findPlayground(processes, { id: 'none', ownPidNamespace: own });
  assert.deepEqual([found.fabric, found.hosts.size, found.marked], [undefined, 0, []]);
});

test('what stands below a process is found at any depth', () => {
  assert.deepEqual(
    treeOf(21, processes).map(({ pid }) => pid),
    [21, 22, 30, 31, 50, 39, 40, 41, 46, 42, 43, 44, 45],
  );
});
