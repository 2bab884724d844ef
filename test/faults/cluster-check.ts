import { readdirSync, readFileSync } from 'node:fs';
import type { StackReport, StatusReport } from '../../src/model/report.ts';
import type { FaultHost } from './fault-host.ts';
import {
  configOf,
  type DeclaredStack,
  type ExpectedService,
  expectedServices,
  hostPort,
  secretOf,
  stackName,
  webPort,
} from './stack.ts';

/** As `GET /containers/json` lists it. */
interface ListedContainer {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly State: string;
  readonly Status: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>;
  };
}

const answerLimitMs = 5_000;

/** What is declared, and what was acknowledged beside it. */
export interface Expected {
  readonly stack: DeclaredStack | undefined;
  /** Names of configs whose creation was acknowledged. */
  readonly acknowledged: readonly string[];
}

/**
 * Holds engine, network and API against what is declared. Returns the first thing that is
 * different; undefined: all is as it should be.
 */
export async function findProblem(
  host: FaultHost,
  expected: Expected,
): Promise<string | undefined> {
  try {
    return (
      (await checkReport(host, expected)) ??
      (await checkContainers(host, expected.stack)) ??
      (await checkDeclarations(host, expected)) ??
      (expected.stack && (await checkService(host, expected.stack))) ??
      (await host.foreign.findProblem(host.restartsContainers))
    );
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function checkReport(host: FaultHost, { stack }: Expected): Promise<string | undefined> {
  const signal = AbortSignal.timeout(answerLimitMs);
  const status = await host.node.client.call<StatusReport>({
    method: 'GET',
    path: '/tutti/v1/status',
    signal,
  });
  const [problem] = status.problems;
  if (problem !== undefined) return `${problem.name}: ${problem.reason?.message ?? problem.state}`;
  if (stack === undefined) {
    return status.services === 0 ? undefined : `${status.services} services are left`;
  }
  const report = await host.node.client.call<StackReport>({
    method: 'GET',
    path: `/tutti/v1/stacks/${stackName}`,
    signal,
  });
  if (report.converged) return undefined;
  const late = report.services.find((service) => !service.converged);
  return `${late?.name ?? 'the stack'} has not converged: ${JSON.stringify(late)}`;
}

/** Exactly what is declared runs, and nothing twice. */
async function checkContainers(
  host: FaultHost,
  stack: DeclaredStack | undefined,
): Promise<string | undefined> {
  const containers = await host.ask<readonly ListedContainer[]>('/containers/json?all=1');
  const ours = containers.filter(isOurs);
  const taskIds = ours.map(({ Labels }) => Labels['com.docker.swarm.task.id'] ?? '');
  const twice = taskIds.find((id, index) => taskIds.indexOf(id) !== index);
  if (twice !== undefined) return `there are two containers of the task ${twice}`;
  if (stack === undefined) {
    return ours.length === 0 ? undefined : `${ours.length} containers are left: ${nameOf(ours[0])}`;
  }
  const running = ours.filter(({ State }) => State === 'running');
  const services = expectedServices(stack);
  for (const service of services) {
    const problem = checkReplicas(
      service,
      running.filter(({ Labels }) => Labels['com.docker.swarm.service.name'] === service.name),
    );
    if (problem !== undefined) return problem;
  }
  const lost = findShims(host.engineRunDirectory).find(
    (id) => !containers.some(({ Id, State }) => Id === id && State === 'running'),
  );
  if (lost !== undefined) return `${lost} runs, but the engine does not know it`;
  const known = new Set(services.map(({ name }) => name));
  const stray = running.find(
    ({ Labels }) => !known.has(Labels['com.docker.swarm.service.name'] ?? ''),
  );
  if (stray !== undefined) return `${nameOf(stray)} runs, but its service is not declared`;
  return checkAddresses(running);
}

async function listOurs(host: FaultHost): Promise<readonly ListedContainer[]> {
  const all = await host.ask<readonly ListedContainer[]>('/containers/json?all=1');
  return all.filter(isOurs);
}

function isOurs({ Labels }: ListedContainer): boolean {
  return Labels['com.docker.swarm.service.name']?.startsWith(`${stackName}_`) === true;
}

/** The containers that run, as their shims say. */
function findShims(engineRunDirectory: string): readonly string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => readCommandLine(pid))
    .filter(([program, ...words]) => {
      const isShim = program?.includes('containerd-shim') === true;
      return isShim && words.some((word) => word.startsWith(`${engineRunDirectory}/`));
    })
    .map((words) => words[words.indexOf('-id') + 1] ?? '');
}

function readCommandLine(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // It ended between the list and the look.
    return [];
  }
}

function checkReplicas(
  service: ExpectedService,
  running: readonly ListedContainer[],
): string | undefined {
  const { name, replicas } = service;
  if (running.length !== replicas) {
    return `${name} has ${running.length} running containers instead of ${replicas}`;
  }
  const slots = running.map((one) => nameOf(one).split('.').slice(0, 2).join('.'));
  if (new Set(slots).size !== slots.length) return `${slots.join(', ')}: a slot has two containers`;
  for (const one of running) {
    if (one.Image !== service.image) return `${nameOf(one)} runs ${one.Image}`;
    const networks = Object.keys(one.NetworkSettings.Networks).length;
    if (networks !== service.networks) return `${nameOf(one)} is on ${networks} networks`;
    if (service.hasHealthCheck && !one.Status.includes('(healthy)')) {
      return `${nameOf(one)} is not healthy: ${one.Status}`;
    }
  }
  return undefined;
}

function checkAddresses(running: readonly ListedContainer[]): string | undefined {
  const seen = new Map<string, string>();
  for (const one of running) {
    for (const [network, { IPAddress: address }] of Object.entries(one.NetworkSettings.Networks)) {
      if (address === '') return `${nameOf(one)} has no address on ${network}`;
      const key = `${network} ${address}`;
      const other = seen.get(key);
      if (other !== undefined) return `${nameOf(one)} and ${other} both have ${address}`;
      seen.set(key, nameOf(one));
    }
  }
  return undefined;
}

function nameOf(container: ListedContainer | undefined): string {
  return container?.Names[0]?.slice(1) ?? '';
}

/** What was acknowledged is there; what was removed is not. */
async function checkDeclarations(
  host: FaultHost,
  { stack, acknowledged }: Expected,
): Promise<string | undefined> {
  const list = async (kind: 'configs' | 'secrets' | 'services'): Promise<readonly string[]> => {
    const listed = await host.node.client.call<
      readonly { readonly Spec: { readonly Name: string } }[]
    >({ method: 'GET', path: `/v1.41/${kind}`, signal: AbortSignal.timeout(answerLimitMs) });
    return listed.map(({ Spec }) => Spec.Name);
  };
  const configs = await list('configs');
  const lost = acknowledged.find((name) => !configs.includes(name));
  if (lost !== undefined) return `the config ${lost} was acknowledged and is not there`;
  const services = (await list('services')).toSorted();
  const declared = stack === undefined ? [] : expectedServices(stack).map(({ name }) => name);
  if (services.join(' ') !== declared.toSorted().join(' '))
    return `services: ${services.join(' ')}`;
  const secrets = await list('secrets');
  const secret = stack && `${stackName}_secret_${stack.keeperRevision}`;
  if (secret !== undefined && !secrets.includes(secret)) return `the secret ${secret} is lost`;
  return undefined;
}

/** The application does what it is for: ports answer, names resolve, files are there. */
async function checkService(host: FaultHost, stack: DeclaredStack): Promise<string | undefined> {
  for (const port of [webPort, hostPort]) {
    const version = await untilAnswer(`http://127.0.0.1:${port}/version`);
    const expected = port === webPort ? String(stack.webVersion) : '1';
    if (version !== expected) return `port ${port} answers with ${version}, not ${expected}`;
  }
  const running = (await listOurs(host)).filter(({ State }) => State === 'running');
  const idOf = (service: string) =>
    running.find(
      ({ Labels }) => Labels['com.docker.swarm.service.name'] === `${stackName}_${service}`,
    )?.Id ?? service;
  // A static busybox asks DNS in `nslookup` alone.
  const found = await host.exec(idOf('middle'), 'nslookup', '-type=a', 'web');
  const address =
    found
      .match(/^Address: (\S+)$/gm)
      ?.at(-1)
      ?.split(' ')[1] ?? 'web';
  const fetch = ['timeout', '5', 'wget', '-q', '-O', '-', `http://${address}/version`];
  const fetched = await host.exec(idOf('middle'), ...fetch);
  if (fetched.trim() !== String(stack.webVersion)) return `http://web/ answers with ${fetched}`;
  const readFiles = ['cat', '/run/secrets/token', '/etc/keeper.conf', '/kept/starts'];
  const kept = await host.exec(idOf('keeper'), ...readFiles);
  const revision = stack.keeperRevision;
  const files = `${secretOf(revision)}${configOf(revision)}1\n`;
  return kept.startsWith(files) ? undefined : `the files of keeper are ${JSON.stringify(kept)}`;
}

/** A container that runs may listen a moment later. */
async function untilAnswer(url: string): Promise<string> {
  const giveUpAt = Date.now() + answerLimitMs;
  for (;;) {
    try {
      const response = await fetch(url, {
        headers: { connection: 'close' },
        signal: AbortSignal.timeout(answerLimitMs),
      });
      return (await response.text()).trim();
    } catch (error) {
      if (Date.now() > giveUpAt) throw new Error(`${url} does not answer`, { cause: error });
    }
  }
}
