import { setTimeout as sleep } from 'node:timers/promises';
import type { NetworkReport } from '../../src/model/network-report.ts';
import { tuttiCommand } from '../../tools/daemon/start-daemon.ts';
import { runApart } from '../fixture/run-apart.ts';
import { TestPlayground } from '../fixture/test-playground.ts';
import { cases, type DoctorCase, far, manager, missingIn, near, workers } from './cases.ts';

export interface DoctorResult {
  readonly name: string;
  readonly tookMs: number;
  readonly findings: NetworkReport['findings'];
}

const nodes = workers + 1;
/** A harm is noticed, and repaired, before anybody asks. */
const settleMs = 3_000;
const limitMs = 90_000;
const image = 'tutti-test/busybox:1';

type Report = NetworkReport & { readonly exitCode: number };

/**
 * Breaks the networks of a playground in one way after the other, and asks the doctor each time.
 */
export async function runDoctor(say: (line: string) => void): Promise<readonly DoctorResult[]> {
  await using hosts = await TestPlayground.up({ name: 'doctor', workers, images: [image] });
  await hosts.docker(manager, 'network', 'create', '--driver=overlay', 'doctored');
  const placed = ['--mode=global', '--network=doctored', '--publish=8070:80'];
  await hosts.docker(
    manager,
    'service',
    'create',
    '--quiet',
    ...placed,
    '--name=web',
    image,
    'web',
  );
  const results: DoctorResult[] = [];
  for (const one of cases) {
    await untilWell(hosts, one.name);
    const result = await runCase(hosts, one);
    say(`${one.name}: ${result.findings.length} findings after ${result.tookMs.toFixed(0)} ms`);
    results.push(result);
  }
  await checkWorker(hosts);
  return results;
}

async function runCase(hosts: TestPlayground, one: DoctorCase): Promise<DoctorResult> {
  await one.harm(hosts);
  // What is set by hand is looked at before it is set right.
  if (one.name !== 'bridged packets past the filter') await sleep(settleMs);
  const began = performance.now();
  const report = await ask(hosts, manager);
  const tookMs = performance.now() - began;
  const missing = missingIn(report, one);
  if (missing.length > 0) {
    throw new Error(`${one.name}: ${missing.join('; ')}\n${JSON.stringify(report, null, 1)}`);
  }
  await one.followUp?.(hosts);
  await one.undo?.(hosts);
  return { name: one.name, tookMs, findings: report.findings };
}

async function ask(
  hosts: TestPlayground,
  host: string,
  ...options: readonly string[]
): Promise<Report> {
  const env = { TUTTI_SOCKET: hosts.host(host).apiSocket };
  const words = ['doctor', 'net', '--json', ...options];
  const { code, stdout, stderr } = await runApart(tuttiCommand, words, { env });
  if (code !== 0 && code !== 1) throw new Error(`doctor ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Report;
}

/** What was broken before is whole again, and what is repaired by itself was. */
async function untilWell(hosts: TestPlayground, before: string): Promise<void> {
  const giveUpAt = performance.now() + limitMs;
  await hosts.untilReady(nodes);
  for (;;) {
    const report = await ask(hosts, manager);
    const isWhole = report.pairs.length === nodes * (nodes - 1) && report.lookups === nodes;
    const isAsked = report.knocks === nodes * nodes;
    if (report.exitCode === 0 && isWhole && isAsked) return;
    if (performance.now() < giveUpAt) continue;
    throw new Error(`not well before "${before}": ${JSON.stringify(report, null, 1)}`);
  }
}

/** A worker looks at itself, and everybody can. */
async function checkWorker(hosts: TestPlayground): Promise<void> {
  const [own, asked] = [await ask(hosts, near), await ask(hosts, far, '--local')];
  for (const { scope, nodes: seen, knocks, lookups } of [own, asked]) {
    const looked = { scope, nodes: seen.length, knocks, lookups };
    const wanted = { scope: 'node', nodes: 1, knocks: 1, lookups: 1 };
    if (JSON.stringify(looked) === JSON.stringify(wanted)) continue;
    throw new Error(`a worker saw ${JSON.stringify(looked)}`);
  }
}
