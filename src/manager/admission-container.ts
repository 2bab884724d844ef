import type {
  ContainerSpec,
  FileReference,
  HealthCheck,
  Resources,
  TaskTemplateSpec,
} from '../model/template.ts';
import {
  checkDuration,
  checkLabels,
  checkNoNul,
  checkOneOf,
  checkText,
  checkUnique,
  checkWholeNumber,
  isIpAddress,
  isTemplated,
  refuse,
  show,
} from './admission-check.ts';
import { checkImage } from './admission-image.ts';
import { checkMounts } from './admission-mounts.ts';

/**
 * Swarm's least (swarmkit manager/controlapi/service.go); the container engine takes no less
 * either.
 */
const leastNanoCpus = 1_000_000;
const leastMemoryBytes = 4 * 1024 * 1024;
const containerLimit = 64;

const containerName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const hostName = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?$/;
const signalName = /^(?:(?:SIG)?[A-Z][A-Z0-9+-]{1,15}|[1-9]\d?)$/;
const capability = /^(?:CAP_)?[A-Z][A-Z0-9_]*$/i;

/** What holds of a template by itself, without a look at the store. */
export function checkTemplate(field: string, template: TaskTemplateSpec): void {
  const { containers } = template;
  const count = containers.length;
  if (count === 0 || count > containerLimit) {
    refuse(
      `${field}.containers`,
      `a task has ${count} containers; 1 to ${containerLimit} are allowed`,
    );
  }
  const names = containers.map((container) => container.name);
  checkUnique(`${field}.containers`, names, 'name');
  containers.forEach((container, index) => {
    checkContainer(`${field}.containers[${index}]`, container);
  });
  checkRestart(`${field}.restart`, template.restart);
  checkWholeNumber(`${field}.forceUpdate`, template.forceUpdate, { minimum: 0 });
  if (template.logDriver?.name === '') {
    refuse(`${field}.logDriver.name`, 'the log driver has an empty name; name it or leave it out');
  }
  const { runtime } = template;
  if (runtime !== undefined && runtime !== '' && runtime !== 'container') {
    refuse(`${field}.runtime`, `the task runtime ${show(runtime)} is not supported`, {
      code: 'unimplemented',
      hint: 'Tasks run containers; leave the runtime out.',
    });
  }
}

function checkContainer(field: string, container: ContainerSpec): void {
  checkText(`${field}.name`, container.name, {
    pattern: containerName,
    expected: 'letters, digits, _, . and - are allowed, at most 63',
  });
  checkImage(`${field}.image`, container.image);
  checkLabels(`${field}.labels`, container.labels);
  checkProcess(field, container);
  if (container.healthCheck !== undefined) {
    checkHealth(`${field}.healthCheck`, container.healthCheck);
  }
  checkNaming(field, container);
  checkMounts(`${field}.mounts`, container.mounts);
  checkFiles(`${field}.secrets`, container.secrets);
  checkFiles(`${field}.configs`, container.configs);
  checkResources(`${field}.limits`, container.limits);
  checkResources(`${field}.reservations`, container.reservations);
  checkReservations(field, container);
  checkPrivileges(field, container);
}

function checkProcess(field: string, container: ContainerSpec): void {
  for (const variable of container.env) {
    if (variable === '' || variable.startsWith('=')) {
      refuse(`${field}.env`, `the variable ${show(variable)} has no name; write NAME=value`);
    }
  }
  checkNoNul(`${field}.env`, container.env);
  checkNoNul(`${field}.command`, container.command ?? []);
  checkNoNul(`${field}.args`, container.args ?? []);
  checkNoNul(`${field}.user`, container.user === undefined ? [] : [container.user]);
  const { workingDirectory } = container;
  if (workingDirectory !== undefined && workingDirectory !== '') {
    checkText(`${field}.workingDirectory`, workingDirectory, {
      pattern: /^\/[^\0]*$/,
      expected: 'it must be an absolute path such as /app',
    });
  }
  checkText(`${field}.stopSignal`, container.stopSignal, {
    pattern: signalName,
    expected: 'a signal such as SIGTERM or 15 is expected',
  });
  checkDuration(`${field}.stopGracePeriodMs`, container.stopGracePeriodMs);
  checkOneOf(`${field}.pullPolicy`, container.pullPolicy, ['always', 'missing', 'never']);
}

function checkHealth(field: string, health: HealthCheck): void {
  const [kind, ...command] = health.test;
  if (kind !== undefined) checkOneOf(`${field}.test`, kind, ['NONE', 'CMD', 'CMD-SHELL']);
  const needsCommand = kind === 'CMD' || kind === 'CMD-SHELL';
  if (needsCommand && (command[0] ?? '') === '') {
    refuse(`${field}.test`, `the health check ${show(health.test)} has no command; give one`);
  }
  const durations = {
    intervalMs: health.intervalMs,
    timeoutMs: health.timeoutMs,
    startPeriodMs: health.startPeriodMs,
    startIntervalMs: health.startIntervalMs,
  };
  for (const [name, valueMs] of Object.entries(durations)) {
    checkDuration(`${field}.${name}`, valueMs);
    if (valueMs !== undefined && valueMs > 0 && valueMs < 1) {
      refuse(`${field}.${name}`, `${field}.${name} is ${valueMs} ms; it cannot be less than 1 ms`);
    }
  }
  checkWholeNumber(`${field}.retries`, health.retries, { minimum: 0, maximum: 1_000_000 });
}

function checkNaming(field: string, container: ContainerSpec): void {
  const { hostname, dns } = container;
  if (hostname !== undefined && hostname !== '' && !isTemplated(hostname)) {
    checkText(`${field}.hostname`, hostname, {
      pattern: hostName,
      expected: 'letters, digits, - and . are allowed, at most 253',
    });
  }
  for (const line of container.hosts) {
    const [address = '', ...names] = line.split(/\s+/);
    if ((isIpAddress(address) || address === 'host-gateway') && names.some((name) => name !== '')) {
      continue;
    }
    refuse(`${field}.hosts`, `the hosts entry ${show(line)} is no "address name"; write both`);
  }
  for (const address of dns.nameservers) {
    if (isIpAddress(address)) continue;
    refuse(`${field}.dns.nameservers`, `the name server ${show(address)} is no IP address`);
  }
  checkNoNul(`${field}.dns`, [...dns.search, ...dns.options]);
}

function checkFiles(field: string, files: readonly FileReference[]): void {
  files.forEach((file, index) => {
    const path = `${field}[${index}]`;
    const parts = file.target.split('/');
    if (file.target === '' || file.target.endsWith('/') || parts.includes('..')) {
      refuse(`${path}.target`, `the target ${show(file.target)} is no path of a file; name one`);
    }
    checkNoNul(`${path}.target`, [file.target]);
    for (const [name, id] of [
      ['uid', file.uid],
      ['gid', file.gid],
    ] as const) {
      if (/^\d{1,10}$/.test(id)) continue;
      refuse(`${path}.${name}`, `${path}.${name} is ${show(id)}; a number such as "0" is expected`);
    }
    checkWholeNumber(`${path}.mode`, file.mode, { minimum: 0, maximum: 0o7777 });
  });
  const targets = new Map<string, FileReference>();
  for (const file of files) {
    const other = targets.get(file.target);
    if (other !== undefined) {
      refuse(
        field,
        `${show(other.sourceName)} and ${show(file.sourceName)} have the same target ` +
          `${show(file.target)}; give each file a target of its own`,
      );
    }
    targets.set(file.target, file);
  }
}

function checkResources(field: string, resources: Resources): void {
  const { nanoCpus = 0, memoryBytes = 0, pids } = resources;
  if (!(nanoCpus === 0 || nanoCpus >= leastNanoCpus)) {
    refuse(
      `${field}.nanoCpus`,
      `invalid cpu value ${nanoCpus / 1e9}: must be at least ${leastNanoCpus / 1e9} of a core`,
    );
  }
  if (!(memoryBytes === 0 || memoryBytes >= leastMemoryBytes)) {
    refuse(
      `${field}.memoryBytes`,
      `invalid memory value ${memoryBytes}: must be at least 4MiB (${leastMemoryBytes} bytes)`,
    );
  }
  checkWholeNumber(`${field}.nanoCpus`, resources.nanoCpus, { minimum: 0 });
  checkWholeNumber(`${field}.memoryBytes`, resources.memoryBytes, { minimum: 0 });
  checkWholeNumber(`${field}.pids`, pids, { minimum: -1 });
}

/** What is kept free for a container, and that it may use as much. */
function checkReservations(field: string, { limits, reservations }: ContainerSpec): void {
  if ((reservations.pids ?? 0) !== 0) {
    refuse(
      `${field}.reservations.pids`,
      `processes cannot be reserved, only limited; leave out the ${reservations.pids}`,
    );
  }
  for (const name of ['memoryBytes', 'nanoCpus'] as const) {
    const reserved = reservations[name] ?? 0;
    const limit = limits[name] ?? 0;
    if (limit === 0 || reserved <= limit) continue;
    refuse(
      `${field}.reservations.${name}`,
      `the reservation ${reserved} is above the limit ${limit}; a container cannot use what is ` +
        'kept for it',
      { hint: 'Lower the reservation or raise the limit.' },
    );
  }
}

/**
 * Privileged containers, devices and capabilities are allowed: who may declare services may do
 * everything that the container engine's own socket allows (docs/design/manager.md).
 */
function checkPrivileges(field: string, container: ContainerSpec): void {
  for (const name of [...container.capabilityAdd, ...container.capabilityDrop]) {
    checkText(`${field}.capabilities`, name, {
      pattern: capability,
      expected: 'a capability such as NET_ADMIN or CAP_NET_ADMIN is expected',
    });
  }
  for (const ulimit of container.ulimits) {
    const path = `${field}.ulimits.${ulimit.name}`;
    checkText(`${field}.ulimits`, ulimit.name, {
      pattern: /^[a-z]+$/,
      expected: 'a name such as nofile is expected',
    });
    checkWholeNumber(path, ulimit.soft, { minimum: -1 });
    checkWholeNumber(path, ulimit.hard, { minimum: -1 });
    if (ulimit.hard !== -1 && (ulimit.soft === -1 || ulimit.soft > ulimit.hard)) {
      refuse(
        path,
        `the soft limit ${ulimit.soft} of ${ulimit.name} is above the hard ${ulimit.hard}`,
      );
    }
  }
  for (const key of Object.keys(container.sysctls)) {
    checkText(`${field}.sysctls`, key, {
      pattern: /^[A-Za-z0-9_./-]+$/,
      expected: 'a name such as net.core.somaxconn is expected',
    });
  }
  for (const device of container.devices ?? []) {
    if (device.pathOnHost.startsWith('/') && device.pathInContainer.startsWith('/')) continue;
    refuse(
      `${field}.devices`,
      `the device ${show(device.pathOnHost)} must have absolute paths on the host and inside`,
    );
  }
  checkWholeNumber(`${field}.shmSizeBytes`, container.shmSizeBytes, { minimum: 0 });
  checkWholeNumber(`${field}.oomScoreAdjust`, container.oomScoreAdjust, {
    minimum: -1_000,
    maximum: 1_000,
  });
}

function checkRestart(field: string, restart: TaskTemplateSpec['restart']): void {
  if (restart === undefined) return;
  checkOneOf(`${field}.condition`, restart.condition, ['any', 'on-failure', 'none']);
  checkDuration(`${field}.delayMs`, restart.delayMs);
  checkDuration(`${field}.windowMs`, restart.windowMs);
  checkWholeNumber(`${field}.maxAttempts`, restart.maxAttempts, { minimum: 0 });
}
