import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlaygroundMachine } from '../host/playground-machine.ts';
import { TuttiError } from '../lib/error.ts';
import { planPlayground } from '../playground/plan.ts';
import { Playgrounds } from '../playground/playground.ts';
import type { ProgramHost } from './program-host.ts';
import { runProgram } from './run-program.ts';

interface BadCase {
  readonly parameters: readonly string[];
  readonly says: RegExp;
  readonly code?: number;
}

const cases: Readonly<Record<string, readonly BadCase[]>> = {
  up: [
    { parameters: ['--name', 'No'], says: /--name: .* found "No"/ },
    { parameters: ['--name', '../x'], says: /--name: / },
    {
      parameters: ['--name', 'demo'],
      says: /there is a playground demo already\n.*down --name demo/,
    },
    { parameters: ['--name', 'n', '--managers', '0'], says: /--managers: .* found 0/ },
    { parameters: ['--name', 'n', '--managers', '8'], says: /at most 7 managers/ },
    { parameters: ['--name', 'n', '--managers', 'two'], says: /--managers: .* found "two"/ },
    { parameters: ['--name', 'n', '--workers', '-1'], says: /--workers/ },
    { parameters: ['--name', 'n', '--workers', '500'], says: /--workers: .* at most 100 hosts/ },
    { parameters: ['--engine', 'none'], says: /--engine: .* not there yet/, code: 1 },
    { parameters: ['--name', 'n', '--archive', '/none.tar'], says: /\/none\.tar: no such file/ },
    { parameters: ['--engine', 'podman'], says: /--engine: .* found "podman"/ },
    { parameters: ['extra'], says: /too many arguments/ },
    { parameters: ['--bogus'], says: /unknown option '--bogus'/ },
  ],
  ls: [
    { parameters: ['--name', 'nobody'], says: /no such playground: nobody\nThere is demo/ },
    { parameters: ['extra'], says: /too many arguments/ },
  ],
  exec: [
    { parameters: [], says: /missing required argument 'host'/ },
    { parameters: ['worker-1'], says: /missing required argument 'command'/ },
    { parameters: ['worker-1', '--'], says: /which program|missing required argument 'command'/ },
    { parameters: ['worker-9', '--', 'ls'], says: /no such host: worker-9\n.*manager-1, worker-1/ },
    { parameters: ['worker-1', '--', 'ls'], says: /worker-1 has no power\n.*start --name demo/ },
    { parameters: ['--name', 'x', 'worker-1', '--', 'ls'], says: /no such playground: x/ },
  ],
  partition: [
    { parameters: [], says: /missing required argument 'hosts'/ },
    { parameters: ['worker-9'], says: /no such host: worker-9/ },
    { parameters: ['worker-1', '--from', 'worker-9'], says: /no such host: worker-9/ },
    {
      parameters: ['worker-1', '--one-way', 'up'],
      says: /--one-way.* Allowed choices are in, out/,
    },
    { parameters: ['worker-1,manager-1'], says: /nobody to be cut off from/ },
    { parameters: [','], says: /nobody to be cut off from/ },
  ],
  loss: [
    { parameters: ['worker-1'], says: /missing required argument 'percent'/ },
    { parameters: ['worker-1', '101%'], says: /percent: .* found "101%"/ },
    { parameters: ['worker-1', 'much'], says: /percent: .* found "much"/ },
    { parameters: ['worker-1', '0.001%'], says: /percent: .* found "0.001%"/ },
    { parameters: ['worker-9', '10%'], says: /no such host: worker-9/ },
  ],
  heal: [
    { parameters: ['worker-9'], says: /no such host: worker-9/ },
    { parameters: ['worker-1'], says: /the playground demo is not up\n.*down --name demo/ },
  ],
  kill: [
    { parameters: [], says: /missing required argument 'hosts'/ },
    { parameters: ['worker-9'], says: /no such host: worker-9/ },
    { parameters: ['worker-1', 'cpu'], says: /target: .* found "cpu"/ },
    { parameters: ['worker-1'], says: /worker-1 has no power/ },
  ],
  freeze: [
    { parameters: ['worker-1', 'cpu'], says: /target: .* found "cpu"/ },
    { parameters: ['worker-1'], says: /worker-1 has no power/ },
  ],
  start: [
    { parameters: [], says: /missing required argument 'hosts'/ },
    { parameters: ['worker-9'], says: /no such host: worker-9/ },
    { parameters: ['worker-1'], says: /the playground demo is not up/ },
  ],
  down: [
    { parameters: ['--name', 'No'], says: /--name: .* found "No"/ },
    { parameters: ['extra'], says: /too many arguments/ },
  ],
};

/** A machine with a playground of which nothing runs. Whatever would change it fails the test. */
function machineWith(stateText: string, isRoot = true): PlaygroundMachine {
  const allowed: Partial<PlaygroundMachine> = {
    isRoot,
    engineSocket: '/run/docker.sock',
    tuttiCommand: ['tutti'],
    clock: { now: () => 0, sleep: async () => undefined, turn: async () => undefined },
    random: { bytes: (count) => new Uint8Array(count), fraction: () => 0 },
    findProgram: (name) => `/usr/bin/${name}`,
    listProcesses: () => [],
    namespaceOf: () => 'pid:[1]',
    readFile: async (path) => (path.includes('/demo/') ? stateText : undefined),
    listDirectory: async (path) => (path === '/run/tutti-playground' ? ['demo'] : []),
    checkArchive: async (path) => {
      throw new TuttiError('not-found', `${path}: no such file`);
    },
    takeName: async () => ({ [Symbol.asyncDispose]: async () => undefined }),
    run: async ({ program }) => {
      assert.equal(program, 'ip');
      return { code: 0, output: '[]', complaint: '' };
    },
  };
  return new Proxy(allowed as PlaygroundMachine, {
    get: (target, name: keyof PlaygroundMachine) =>
      target[name] ?? assert.fail(`${name} would change the machine`),
  });
}

const demo = planPlayground({ name: 'demo', managers: 1, workers: 1 }, { id: 'a', taken: [] });

async function run(parameters: readonly string[], machine = machineWith(JSON.stringify(demo))) {
  let said = '';
  const plain = (_colour: string, text: string): string => text;
  // What these commands have no use for is not there.
  const host: Partial<ProgramHost> = {
    version: '0',
    signal: new AbortController().signal,
    environment: {},
    output: {
      terminal: undefined,
      paint: plain,
      notePaint: plain,
      write: (text) => {
        said += text;
      },
      note: (text) => {
        said += text;
      },
    },
    runDaemon: async () => assert.fail('no daemon is to run'),
    openPlaygrounds: async () => new Playgrounds(machine),
  };
  const code = await runProgram(['playground', ...parameters], host as ProgramHost);
  return { code, said };
}

for (const [command, bad] of Object.entries(cases)) {
  test(`playground ${command} refuses ${bad.length} kinds of bad input, and changes nothing`, async () => {
    for (const { parameters, says, code: expected = 2 } of bad) {
      const { code, said } = await run([command, ...parameters]);
      assert.match(said, says);
      assert.equal(code, expected, said);
      assert.match(said, /^tutti: /);
    }
  });
}

test('who is not root is told so, and what is missing is named with its package', async () => {
  const text = JSON.stringify(demo);
  const nobody = await run(['up', '--name=n'], machineWith(text, false));
  assert.equal(nobody.code, 3);
  assert.match(nobody.said, /root alone may make\nRun the command as root: sudo/);

  const lacking: PlaygroundMachine = {
    ...machineWith(text),
    findProgram: (name) => (/dockerd|tini|docker-init|^nft$/.test(name) ? undefined : name),
  };
  const { code, said } = await run(['up', '--name=n'], lacking);
  assert.equal(code, 2);
  assert.match(
    said,
    /does not have: nft, tini, dockerd\n.*apt-get install .* nftables tini docker\.io/,
  );
});

test('what runs nowhere is shown as off', async () => {
  const { code, said } = await run(['ls']);
  assert.equal(code, 0);
  assert.match(said, /^demo: 198\.18\.0\.0\/24, this machine is 198\.18\.0\.1, making\n/);
  assert.match(
    said,
    /worker-1 +worker +198\.18\.0\.3 +off +\/run\/tutti-playground\/demo\/worker-1\//,
  );
});
