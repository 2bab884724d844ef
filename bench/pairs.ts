/**
 * Docker Swarm and Tutti on one container engine, in turn; runs inside a host of its own
 * (`bench/main.ts` makes it).
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEngine } from '../tools/engine/start-engine.ts';
import { runDirectoryOf, takeSlot } from '../tools/engine/slot.ts';
import { testImages, upstreamVotingAppImages } from '../tools/images/catalog.ts';
import { ensureImages } from '../tools/images/ensure-images.ts';
import { repositoryRoot } from '../tools/root.ts';
import { describeMachine } from './machine.ts';
import { docker, type Orchestrator } from './orchestrator.ts';
import { renderReport, type Run } from './pairs-report.ts';
import { engineAlone, round, type Timings } from './scenarios.ts';

const pairs = Number(process.argv[2] ?? 10);
const pollMs = 20;
const results = join(repositoryRoot, 'bench/results');

const stackFile = `version: "3.9"
services:
  redis: { image: redis:alpine, networks: [frontend], deploy: { endpoint_mode: dnsrr } }
  db:
    image: postgres:15-alpine
    environment: { POSTGRES_USER: postgres, POSTGRES_PASSWORD: postgres }
    networks: [backend]
    deploy: { endpoint_mode: dnsrr }
  vote:
    image: dockersamples/examplevotingapp_vote
    networks: [frontend]
    deploy: { replicas: 2, endpoint_mode: dnsrr }
  result:
    image: dockersamples/examplevotingapp_result
    networks: [backend]
    deploy: { endpoint_mode: dnsrr }
  worker:
    image: dockersamples/examplevotingapp_worker
    networks: [frontend, backend]
    deploy: { replicas: 2, endpoint_mode: dnsrr }
networks: { frontend: {}, backend: {} }
`;

async function main(): Promise<void> {
  using slot = await takeSlot();
  await using engine = await startEngine({
    directory: slot.directory,
    runDirectory: runDirectoryOf(slot.directory),
    liveRestore: false,
  });
  const engineSocket = engine.socketPath;
  const images = [...testImages, ...upstreamVotingAppImages];
  await ensureImages({ engineSocket, images, report: say });
  const directory = await mkdtemp(join(tmpdir(), 'tutti-bench-'));
  const stack = join(directory, 'stack.yml');
  await writeFile(stack, stackFile);
  const swarm: Orchestrator = { name: 'swarm', socket: engineSocket };
  const runs: Run[] = [];
  try {
    for (let turn = 0; turn < pairs; turn += 1) {
      const options = { engineSocket, stackFile: stack, turn };
      const alone = await engineAlone(engineSocket, turn);
      await docker(swarm, ['swarm', 'init', '--advertise-addr', '127.0.0.1']);
      const bySwarm = await round(swarm, options);
      await docker(swarm, ['swarm', 'leave', '--force']);
      const byTutti = await withTutti({ directory, engineSocket }, (tutti) =>
        round(tutti, options),
      );
      runs.push({ swarm: bySwarm, tutti: byTutti, engine: alone });
      say(`pair ${turn + 1} of ${pairs}: ${oneLine(bySwarm, byTutti)}`);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  await mkdir(results, { recursive: true });
  const machine = describeMachine(results);
  await writeFile(join(results, 'swarm.json'), `${JSON.stringify({ machine, runs }, null, 2)}\n`);
  const report = renderReport({ machine, runs });
  await writeFile(join(results, 'swarm.md'), report);
  process.stdout.write(report);
}

async function withTutti<T>(
  where: { readonly directory: string; readonly engineSocket: string },
  work: (tutti: Orchestrator) => Promise<T>,
): Promise<T> {
  const socket = join(where.directory, 'tutti.sock');
  const data = join(where.directory, 'data');
  const args = ['daemon', '--data-dir', data, '--socket', socket];
  const daemon = spawn(
    join(repositoryRoot, 'bin/tutti'),
    [...args, '--container-engine', `unix://${where.engineSocket}`],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
  const tutti: Orchestrator = { name: 'tutti', socket };
  try {
    const init = ['swarm', 'init', '--advertise-addr', '127.0.0.1'];
    while (
      !(await docker(tutti, init).then(
        () => true,
        () => false,
      ))
    ) {
      if (daemon.exitCode !== null) throw new Error('the daemon of Tutti ended; run it by hand');
      await sleep(pollMs);
    }
    const result = await work(tutti);
    await docker(tutti, ['swarm', 'leave', '--force']);
    return result;
  } finally {
    daemon.kill('SIGTERM');
    await ended;
    await rm(data, { recursive: true, force: true });
  }
}

function oneLine(swarm: Timings, tutti: Timings): string {
  return Object.entries(swarm)
    .map(([name, ms]) => `${name} ${(tutti[name] ?? 0).toFixed(0)}/${ms.toFixed(0)} ms`)
    .join(', ');
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

await main();
