import { unreachable } from '../lib/assert.ts';
import { sameJson } from '../lib/json.ts';
import type { PublishedPort, ServiceMode, ServiceSpec } from '../model/service.ts';
import type { ContainerSpec, TaskTemplateSpec } from '../model/template.ts';

interface Declared {
  readonly spec: ServiceSpec;
  readonly template: TaskTemplateSpec;
}

/** Ids mean nothing to a person; absent ids are shown as they are. */
type NameOf = (id: string) => string;

/**
 * What is different between two declarations of a service, as short sentences such as
 * `image: bb:1 → bb:2`. Values of variables are never shown: they may be secrets.
 */
export function serviceDifferences(
  before: Declared,
  after: Declared,
  networkName: NameOf,
): readonly string[] {
  const sentences = [
    ...compare('mode', modeText(before.spec.mode), modeText(after.spec.mode)),
    ...containerDifferences(before.template.containers, after.template.containers),
    ...lists('networks', networksOf(before, networkName), networksOf(after, networkName)),
    ...lists('ports', before.spec.ports.map(portText), after.spec.ports.map(portText)),
    ...compare('endpoint mode', before.spec.endpointMode, after.spec.endpointMode),
    ...lists('constraints', before.spec.placement.constraints, after.spec.placement.constraints),
    ...maps('labels', before.spec.labels, after.spec.labels),
    ...changed('placement preferences', placementOf(before), placementOf(after)),
    ...compare(
      'max replicas per node',
      before.spec.placement.maxReplicasPerNode,
      after.spec.placement.maxReplicasPerNode,
    ),
    ...changed('update settings', before.spec.update, after.spec.update),
    ...changed('rollback settings', before.spec.rollback, after.spec.rollback),
    ...changed('dependencies', before.spec.dependsOn, after.spec.dependsOn),
    ...changed('restart policy', before.template.restart, after.template.restart),
    ...changed('log driver', before.template.logDriver, after.template.logDriver),
    ...compare('forced updates', before.template.forceUpdate, after.template.forceUpdate),
  ];
  const same = sameJson(before.spec, after.spec) && sameJson(before.template, after.template);
  return sentences.length === 0 && !same ? ['declaration changed'] : sentences;
}

function containerDifferences(
  before: readonly ContainerSpec[],
  after: readonly ContainerSpec[],
): readonly string[] {
  const old = new Map(before.map((container) => [container.name, container]));
  const sentences: string[] = [];
  for (const container of after) {
    const prefix = after.length > 1 ? `${container.name}: ` : '';
    const other = old.get(container.name);
    old.delete(container.name);
    const found =
      other === undefined ? ['container added'] : oneContainerDifferences(other, container);
    sentences.push(...found.map((sentence) => prefix + sentence));
  }
  return [...sentences, ...[...old.keys()].map((name) => `${name}: container removed`)];
}

function oneContainerDifferences(before: ContainerSpec, after: ContainerSpec): readonly string[] {
  const files = (container: ContainerSpec, kind: 'secrets' | 'configs'): readonly string[] =>
    container[kind].map((file) => `${file.sourceName}:${file.target}`);
  const shown = [
    ...compare('image', before.image, after.image),
    ...compare('command', before.command?.join(' '), after.command?.join(' ')),
    ...compare('arguments', before.args?.join(' '), after.args?.join(' ')),
    ...maps('environment', variables(before.env), variables(after.env)),
    ...lists('mounts', before.mounts.map(mountText), after.mounts.map(mountText)),
    ...lists('secrets', files(before, 'secrets'), files(after, 'secrets')),
    ...lists('configs', files(before, 'configs'), files(after, 'configs')),
    ...changed('health check', before.healthCheck, after.healthCheck),
    ...changed('limits', before.limits, after.limits),
    ...changed('reservations', before.reservations, after.reservations),
    ...maps('container labels', before.labels, after.labels),
    ...compare('user', before.user, after.user),
    ...compare('working directory', before.workingDirectory, after.workingDirectory),
    ...compare('stop grace period', before.stopGracePeriodMs, after.stopGracePeriodMs),
  ];
  return shown.length === 0 && !sameJson(before, after) ? ['container settings changed'] : shown;
}

type Scalar = string | number | undefined;

function compare(what: string, before: Scalar, after: Scalar): readonly string[] {
  if (before === after) return [];
  return [`${what}: ${text(before)} → ${text(after)}`];
}

function text(value: Scalar): string {
  return value === undefined || value === '' ? 'default' : String(value);
}

function lists(
  what: string,
  before: readonly string[],
  after: readonly string[],
): readonly string[] {
  const added = after.filter((item) => !before.includes(item)).map((item) => `+${item}`);
  const removed = before.filter((item) => !after.includes(item)).map((item) => `-${item}`);
  if (added.length + removed.length > 0) return [`${what}: ${[...added, ...removed].join(' ')}`];
  return sameJson(before, after) ? [] : [`${what}: order changed`];
}

type Entries = Readonly<Record<string, string>>;

/** Names which keys came, went and changed, never their values. */
function maps(what: string, before: Entries, after: Entries): readonly string[] {
  const marks = [
    ...Object.keys(after)
      .filter((key) => before[key] !== after[key])
      .map((key) => (Object.hasOwn(before, key) ? `${key} changed` : `+${key}`)),
    ...Object.keys(before)
      .filter((key) => !Object.hasOwn(after, key))
      .map((key) => `-${key}`),
  ];
  return marks.length === 0 ? [] : [`${what}: ${marks.join(', ')}`];
}

function changed(what: string, before: unknown, after: unknown): readonly string[] {
  return sameJson(before, after) ? [] : [`${what} changed`];
}

function placementOf(declared: Declared): Partial<ServiceSpec['placement']> {
  const { preferences, platforms } = declared.spec.placement;
  return { preferences, platforms };
}

function variables(env: readonly string[]): Entries {
  return Object.fromEntries(
    env.map((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

function modeText(mode: ServiceMode): string {
  switch (mode.kind) {
    case 'replicated':
      return mode.replicas === 1 ? '1 replica' : `${mode.replicas} replicas`;
    case 'replicated-job':
      return `job with ${mode.totalCompletions} completions, ${mode.maxConcurrent} at a time`;
    case 'global':
    case 'global-job':
      return mode.kind;
    default:
      return unreachable(mode);
  }
}

function portText(port: PublishedPort): string {
  const published = port.publishedPort ?? 'any';
  return `${published}:${port.targetPort}/${port.protocol}${port.mode === 'host' ? ' (host)' : ''}`;
}

function mountText(mount: ContainerSpec['mounts'][number]): string {
  const source = mount.type === 'tmpfs' ? 'tmpfs' : (mount.source ?? 'anonymous');
  return `${source}:${mount.target}${mount.readOnly ? ':ro' : ''}`;
}

function networksOf(declared: Declared, nameOf: NameOf): readonly string[] {
  return declared.template.networks.map(({ networkId, aliases, ipv4Address }) => {
    const at = ipv4Address === undefined ? '' : ` at ${ipv4Address}`;
    return [nameOf(networkId), ...aliases].join(' as ') + at;
  });
}
