import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '../../tools/root.ts';
import { runApart, type Finished } from '../fixture/run-apart.ts';

const castVotesFile = join(repositoryRoot, 'examples/voting-app/cast-votes.ts');
const link = { here: 'tutti-test0', there: 'tutti-test1' };
const prefix = '192.168.77';
const pollMs = 5;

/** A machine beside this one, as a network namespace: its packets come in by a link. */
export interface OtherMachine extends AsyncDisposable {
  /** Of this machine, as the other one sees it. */
  readonly address: string;
  /** What `cast-votes.ts` there reports. */
  readonly castVotes: (options: CastThere) => Promise<VotesFromThere>;
}

export interface CastThere {
  readonly url: string;
  readonly votes: number;
  readonly concurrency: number;
  readonly bodyDelayMs: number;
}

export interface VotesFromThere {
  readonly cast: { readonly total: number };
  readonly failures: readonly unknown[];
  readonly servedBy: Readonly<Record<string, number>>;
}

/** Disposing of it removes the namespace, and the link with it. */
export async function makeOtherMachine(): Promise<OtherMachine> {
  const holder = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
  const { pid } = holder;
  assert.ok(pid, 'unshare does not start');
  while (networkOf(pid) === networkOf(process.pid)) await sleep(pollMs);
  const there = (...command: readonly string[]) =>
    runApart('nsenter', [`--target=${pid}`, '--net', ...command]);
  const address = `${prefix}.1`;
  const peer = ['peer', 'name', link.there, 'netns', String(pid)];
  await expectSuccess(runApart('ip', ['link', 'add', link.here, 'type', 'veth', ...peer]));
  await expectSuccess(runApart('ip', ['address', 'add', `${address}/24`, 'dev', link.here]));
  await expectSuccess(runApart('ip', ['link', 'set', link.here, 'up']));
  await expectSuccess(there('ip', 'address', 'add', `${prefix}.2/24`, 'dev', link.there));
  await expectSuccess(there('ip', 'link', 'set', link.there, 'up'));
  return {
    address,
    castVotes: async (options) => {
      const parameters = parametersOf(options);
      const { stdout, stderr } = await there(process.execPath, castVotesFile, ...parameters);
      assert.equal(stderr, '');
      return JSON.parse(stdout) as VotesFromThere;
    },
    [Symbol.asyncDispose]: async () => {
      const ended = once(holder, 'exit');
      holder.kill('SIGKILL');
      await ended;
      // The kernel takes a namespace apart some time after its last process.
      await runApart('ip', ['link', 'delete', link.here]);
    },
  };
}

function parametersOf({ url, votes, concurrency, bodyDelayMs }: CastThere): readonly string[] {
  return [
    '--json',
    `--url=${url}`,
    `--votes=${votes}`,
    `--concurrency=${concurrency}`,
    `--body-delay=${bodyDelayMs}`,
  ];
}

function networkOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

async function expectSuccess(run: Promise<Finished>): Promise<void> {
  const { code, stderr } = await run;
  assert.equal(code, 0, stderr);
}
