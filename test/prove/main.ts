/**
 * `npm run prove [-- PART …]`: the long versions of what `npm test` proves in short. Writes the
 * figures to `bench/results/prove.md` and `prove.json`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from '../../bench/machine.ts';
import { runProgram } from '../../tools/bootstrap/run.mjs';
import { ensureCommands, managerCommands } from '../../tools/engine/machine-packages.ts';
import { testImages } from '../../tools/images/catalog.ts';
import { repositoryRoot } from '../../tools/root.ts';
import { proveEtcdFaults } from '../etcd/etcd-faults.ts';
import { measureFailovers } from '../etcd/etcd-failover.ts';
import type { LossResult } from '../cluster/loss.ts';
import type { ClusterResult } from '../cluster/run.ts';
import type { DoctorResult } from '../doctor/run.ts';
import type { ChurnResult } from '../churn/run.ts';
import type { EpisodeResult } from '../faults/episode.ts';
import type { PartitionRecord } from '../partitions/run.ts';
import type { TrafficResult } from '../traffic/run.ts';
import type { UpgradeResult } from '../upgrade/run.ts';
import type { CaseResult } from '../disasters/case.ts';
import { describeChurn } from './describe-churn.ts';
import { describeCluster } from './describe-cluster.ts';
import { describeDisasters } from './describe-disasters.ts';
import { describeDoctor } from './describe-doctor.ts';
import { describeFaults } from './describe-faults.ts';
import { describePartitions } from './describe-partitions.ts';
import { describeTraffic } from './describe-traffic.ts';
import { describeUpgrade } from './describe-upgrade.ts';
import type { DiskFullResult } from './disk-full.ts';
import { type ProofReport, type ProofResult, renderProof } from './proof-report.ts';
import { proveStoreKill } from './store-kill.ts';

const usage = `npm run prove [-- [OPTIONS] PART …]

Proves at length what "npm test" proves in short, and writes the figures to
bench/results/prove.md. Without a part: all of them, which takes three hours and more.

Parts:
  store-kill   kill -9 of a process that writes to the store, in 10,000 commits
  etcd         writers and members of etcd killed and frozen 200 times; then the
               leading one of three managers, 40 times
  sim          seeds of the simulation of a whole cluster
  disk-full    a node whose data directory has no space left
  faults       kill -9 of daemon, manager and container engine while stacks are
               deployed, and power failures; on a host of its own
  cluster      nodes of a cluster killed, cut off, frozen, restarted, without power
               and with a full disk, while it is written to and asked
  upgrade      the next version of the program on one node of a cluster after the other,
               while names are looked up, pages fetched, services changed, and
               notes written through every manager
  loss         every link of a cluster loses 10 % of its packets for 10 minutes,
               and its manager is busy all the time: no node is declared down
  traffic      a service updated, scaled, and its nodes drained, under 400 requests a second
  partitions   workers, managers, and both cut off while services change: how soon every
               name and port is right on every node once they are back
  churn        stacks deployed and removed 1,000 times: nothing of them is left
  doctor       networks broken in eight ways, and what tutti doctor net says of each
  disasters    three managers and two workers lose all power, or most managers, or every
               machine, or come back after their certificates have ended

Options:
  --kills N    faults: each of the three processes is killed so often [50]
  --seeds N    sim: how many [20000]
  --seed N     faults: begin with this seed [1]; cluster: this one; a run that
               fails names its own
  --lanes N    faults: so many hosts side by side, seeds and kills shared out [1]
  --episodes N faults: so many seeds instead of a number of kills
  --faults N   cluster: how many [100]
  --managers N cluster, upgrade, traffic, partitions: of so many managers [3]
  --workers N  cluster, upgrade, traffic, partitions: and so many workers [2]
  --rounds N   traffic: each change so often [5]
  --minutes N  loss: how long [10]
  --seconds S  partitions: how long each, with commas [10,30,120]
  --deploys N  churn: how many [1000]
  --case NAME  disasters: this one alone, which is not kept: power-off, one-left, …
  --help       this text

Examples:
  npm run prove -- faults --kills 5
  npm run prove -- faults --seed 12 --episodes 1     a failed seed again
  npm run prove -- cluster --seed 12 --faults 20
`;

const results = join(repositoryRoot, 'bench/results');
const ownHost = join(repositoryRoot, 'tools/engine/own-host.ts');
const prepare = ['--prepare', join(repositoryRoot, 'test/prepare.ts')];
const fileOf = (path: string): string => join(repositoryRoot, path);

interface Options {
  readonly kills: string;
  readonly seeds: string;
  readonly seed: string;
  readonly lanes: string;
  readonly episodes: string | undefined;
  readonly faults: string;
  readonly managers: string;
  readonly workers: string;
  readonly minutes: string;
  readonly rounds: string;
  readonly seconds: string;
  readonly deploys: string;
  readonly case: string | undefined;
}

const parts: Readonly<Record<string, (options: Options) => Promise<ProofResult>>> = {
  'store-kill': proveStore,
  etcd: proveEtcd,
  sim: proveSimulation,
  'disk-full': proveDisk,
  faults: proveFaults,
  cluster: proveCluster,
  upgrade: proveUpgrade,
  loss: proveLoss,
  traffic: proveTraffic,
  partitions: provePartitions,
  churn: proveChurn,
  doctor: proveDoctor,
  disasters: proveDisasters,
};

async function proveStore(): Promise<ProofResult> {
  const figures = await proveStoreKill({ seed: 2, commits: 10_000, commitsPerKill: 60 });
  const summary =
    `${figures.kills} kills in ${figures.commits} commits, ${figures.acknowledged} updates ` +
    `acknowledged, none lost, none torn`;
  return { summary, figures };
}

async function proveEtcd({ seed }: Options): Promise<ProofResult> {
  await ensureCommands(managerCommands, 'a store on several managers');
  const store = await proveEtcdFaults({ seed: Number(seed), rounds: 200 });
  const kinds = ['kill', 'freeze', 'hang', 'starve'] as const;
  const faults = Array.from({ length: 40 }, (_, n) => kinds[n % kinds.length] ?? 'kill');
  const failovers = await measureFailovers(faults);
  const silences = failovers.map(({ silentMs }) => silentMs).toSorted((a, b) => a - b);
  const summary =
    `200 faults in ${store.revision} commits, ${store.acknowledged} updates acknowledged, none ` +
    `lost, none torn; 40 leading managers lost, the next write after ` +
    `${silences[silences.length / 2]} ms (median), ${silences.at(-1)} ms (worst)`;
  return { summary, figures: { store, failovers } };
}

async function proveSimulation({ seeds }: Options): Promise<ProofResult> {
  const program = ['--disable-warning=ExperimentalWarning', fileOf('sim/main.ts')];
  const { code, output } = await runProgram(process.execPath, [...program, '--seeds', seeds], {
    onOutput: (text) => void process.stdout.write(text),
  });
  if (code !== 0) throw new Error('the simulation failed; see above');
  return { summary: output.trim().split('\n').at(-1) ?? '', figures: { seeds: Number(seeds) } };
}

async function proveDisk(): Promise<ProofResult> {
  const figures = await withScratch(async (directory) => {
    const output = join(directory, 'disk-full.json');
    const program = [process.execPath, fileOf('test/prove/disk-full.ts'), output];
    await show(process.execPath, [ownHost, ...prepare, '--', ...program]);
    return JSON.parse(await readFile(output, 'utf8')) as DiskFullResult;
  });
  const summary =
    `${figures.refused} writes refused with the reason, ${figures.reads} reads answered, also ` +
    `after kill -9 of daemon and manager; with space again everything as declared after ` +
    `${(figures.recoveredMs / 1_000).toFixed(1)} s, nothing lost`;
  return { summary, figures };
}

async function proveFaults(options: Options): Promise<ProofResult> {
  return await withScratch(async (directory) => {
    const archive = join(directory, 'images.tar');
    const tags = testImages.map((image) => image.tag);
    await show(process.execPath, [
      ownHost,
      ...prepare,
      '--',
      'docker',
      'save',
      '-o',
      archive,
      ...tags,
    ]);
    const lanes = Array.from({ length: Number(options.lanes) }, (_, lane) => lane);
    const program = [process.execPath, fileOf('test/faults/main.ts'), '--archive', archive];
    const runs = lanes.map(async (lane) => {
      const output = join(directory, `faults-${lane}.json`);
      const share = shareOfLane(options, { lane, lanes: lanes.length });
      const run = [...program, ...share, '--output', output];
      await show(process.execPath, [ownHost, '--without-engine', '--', ...run]);
      return JSON.parse(await readFile(output, 'utf8')) as readonly EpisodeResult[];
    });
    // One that fails does not take the other hosts away from under their tests.
    await Promise.allSettled(runs);
    return describeFaults((await Promise.all(runs)).flat());
  });
}

async function proveCluster(options: Options): Promise<ProofResult> {
  const { seed, faults } = options;
  const request = ['--seed', seed, '--faults', faults, ...sizeWords(options)];
  const result = await onHost<ClusterResult>('test/cluster/main.ts', request);
  return describeCluster(result, sizeOf(options));
}

async function proveUpgrade(options: Options): Promise<ProofResult> {
  const result = await onHost<UpgradeResult>('test/upgrade/main.ts', sizeWords(options));
  return describeUpgrade(result, sizeOf(options));
}

async function proveLoss({ minutes }: Options): Promise<ProofResult> {
  const figures = await onHost<LossResult>('test/cluster/loss.ts', ['--minutes', minutes]);
  const summary =
    `10 % of all packets lost on every link for ${figures.minutes} minutes, the manager busy ` +
    `${Math.round(figures.busy * 100)} % of the time (${figures.requests} requests): no node ` +
    `down, unreachable ${figures.unreachable} times, all ready at each of ${figures.looks} looks`;
  return { summary, figures };
}

async function proveTraffic(options: Options): Promise<ProofResult> {
  const request = [...sizeWords(options), '--rounds', options.rounds];
  const result = await onHost<TrafficResult>('test/traffic/main.ts', request);
  return describeTraffic(result, sizeOf(options));
}

async function provePartitions(options: Options): Promise<ProofResult> {
  const request = [...sizeWords(options), '--seconds', options.seconds];
  const records = await onHost<readonly PartitionRecord[]>('test/partitions/main.ts', request);
  return describePartitions(records, sizeOf(options));
}

async function proveChurn({ deploys }: Options): Promise<ProofResult> {
  return describeChurn(await onHost<ChurnResult>('test/churn/main.ts', ['--deploys', deploys]));
}

async function proveDoctor(): Promise<ProofResult> {
  return describeDoctor(await onHost<readonly DoctorResult[]>('test/doctor/main.ts', []));
}

async function proveDisasters({ case: chosen }: Options): Promise<ProofResult> {
  const cases = chosen === undefined ? [] : [chosen];
  return describeDisasters(await onHost<readonly CaseResult[]>('test/disasters/main.ts', cases));
}

function sizeOf({ managers, workers }: Options): { managers: number; workers: number } {
  return { managers: Number(managers), workers: Number(workers) };
}

function sizeWords({ managers, workers }: Options): readonly string[] {
  return ['--managers', managers, '--workers', workers];
}

/** Runs a program on a host of its own with an engine that has the images; it writes JSON. */
async function onHost<Result>(program: string, request: readonly string[]): Promise<Result> {
  await ensureCommands(managerCommands, 'a store on several managers');
  return await withScratch(async (directory) => {
    const output = join(directory, 'result.json');
    const run = [process.execPath, fileOf(program), '--output', output, ...request];
    await show(process.execPath, [ownHost, ...prepare, '--', ...run]);
    return JSON.parse(await readFile(output, 'utf8')) as Result;
  });
}

/** Seeds of lanes never meet: each has a thousand of its own. */
function shareOfLane(
  { kills, seed, episodes }: Options,
  { lane, lanes }: { readonly lane: number; readonly lanes: number },
): readonly string[] {
  const share = (count: string) => String(Math.ceil(Number(count) / lanes));
  const until =
    episodes === undefined ? ['--kills', share(kills)] : ['--episodes', share(episodes)];
  return ['--seed', String(Number(seed) + lane * 1_000), ...until];
}

async function withScratch<Result>(work: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'tutti-prove-'));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Runs a program on this terminal; it must succeed. Whoever ends this one ends it, too. */
async function show(program: string, parameters: readonly string[]): Promise<void> {
  const words = ['--pdeathsig', 'TERM', program, ...parameters];
  const child = spawn('setpriv', words, { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${parameters.at(-1)} failed; see above`);
}

/** Figures of parts that do not run now stay as they are. */
async function writeReport(name: string, result: ProofResult): Promise<void> {
  const file = join(results, 'prove.json');
  const before = await readFile(file, 'utf8').catch(() => '{}');
  const report: ProofReport = {
    ...(JSON.parse(before) as ProofReport),
    [name]: {
      ...result,
      date: new Date().toISOString().slice(0, 10),
      machine: describeMachine(results),
    },
  };
  await mkdir(results, { recursive: true });
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(join(results, 'prove.md'), renderProof(report));
}

function refuse(complaint: string): never {
  process.stderr.write(`prove: ${complaint}\n\n${usage}`);
  process.exit(2);
}

const numbers = [
  'kills',
  'seeds',
  'seed',
  'lanes',
  'episodes',
  'faults',
  'managers',
  'workers',
  'minutes',
  'rounds',
  'deploys',
] as const;

function readCommandLine(): { readonly names: readonly string[]; readonly options: Options } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        kills: { type: 'string', default: '50' },
        seeds: { type: 'string', default: '20000' },
        seed: { type: 'string', default: '1' },
        lanes: { type: 'string', default: '1' },
        episodes: { type: 'string' },
        faults: { type: 'string', default: '100' },
        managers: { type: 'string', default: '3' },
        workers: { type: 'string', default: '2' },
        minutes: { type: 'string', default: '10' },
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '10,30,120' },
        deploys: { type: 'string', default: '1000' },
        case: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(usage);
      process.exit(0);
    }
    for (const name of numbers) {
      const given = values[name];
      if (given !== undefined && !/^[1-9]\d*$/.test(given)) {
        refuse(`--${name}: expected a whole number above 0, found "${given}"`);
      }
    }
    if (!/^[1-9]\d*(,[1-9]\d*)*$/.test(values.seconds)) {
      refuse(`--seconds: expected whole numbers with commas, found "${values.seconds}"`);
    }
    const unknown = positionals.find((name) => parts[name] === undefined);
    if (unknown !== undefined) refuse(`there is no part "${unknown}"`);
    const names = positionals.length === 0 ? Object.keys(parts) : positionals;
    return { names, options: { ...values, episodes: values.episodes, case: values.case } };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

const { names, options } = readCommandLine();
for (const name of names) {
  process.stdout.write(`prove ${name}: begins\n`);
  const result = await parts[name]?.(options);
  if (result === undefined) continue;
  if (options.case === undefined) await writeReport(name, result);
  process.stdout.write(`prove ${name}: ${result.summary}\n`);
}
