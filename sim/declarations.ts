import type { Prng } from '../src/lib/prng.ts';
import type {
  Placement,
  ServiceDeclaration,
  ServiceDependency,
  ServiceMode,
  ServiceSpec,
  UpdateSettings,
} from '../src/model/service.ts';
import type { FileReference, RestartPolicy } from '../src/model/template.ts';
import { imageKinds } from './conduct.ts';
import { declare } from './manager-world.ts';

/** What services of a scenario may refer to. */
export interface Surroundings {
  readonly networkIds: readonly string[];
  readonly secretId: string;
  readonly secretName: string;
  /** A config with placeholders. */
  readonly configId: string;
  readonly configName: string;
}

const node = { constraints: [], preferences: [], maxReplicasPerNode: 0, platforms: [] };

/** Draws a service: mode, image, networks, settings; it may depend on one that is there. */
export function drawService(
  name: string,
  dice: Prng,
  of: { readonly surroundings: Surroundings; readonly others: readonly string[] },
): ServiceDeclaration {
  const { networkIds, secretId, secretName, configId, configName } = of.surroundings;
  const restart = drawRestart(dice);
  const job = dice.chance(0.15) ? drawJob(dice) : undefined;
  const settings = { update: drawSettings(dice), rollback: drawRollback(dice) };
  return declare(name, dice.below(5), {
    spec: {
      ...(dice.chance(0.15) && { mode: { kind: 'global' } }),
      endpointMode: dice.chance(0.7) ? 'vip' : 'dnsrr',
      ...(job === undefined ? settings : { mode: job }),
      dependsOn: drawDependencies(dice, of.others),
      placement: drawPlacement(dice),
    },
    template: {
      networks: networkIds
        .filter(() => dice.chance(0.6))
        .map((networkId) => ({ networkId, aliases: [], driverOptions: {} })),
      ...(restart !== undefined && { restart }),
    },
    container: {
      image: job === undefined ? drawImage(dice) : `working:${dice.below(4)}`,
      stopGracePeriodMs: dice.below(10_000),
      env: ['SLOT={{.Task.Slot}}'],
      secrets: dice.chance(0.4) ? [fileOf(secretId, secretName)] : [],
      configs: dice.chance(0.2) ? [fileOf(configId, configName)] : [],
      reservations: dice.chance(0.1) ? { memoryBytes: 6 * 2 ** 30 } : {},
    },
  });
}

function fileOf(sourceId: string, sourceName: string): FileReference {
  return { sourceId, sourceName, target: sourceName, uid: '0', gid: '0', mode: 0o444 };
}

function drawJob(dice: Prng): ServiceMode {
  if (dice.chance(0.25)) return { kind: 'global-job' };
  return {
    kind: 'replicated-job',
    maxConcurrent: dice.below(3),
    totalCompletions: 1 + dice.below(6),
  };
}

function drawDependencies(dice: Prng, others: readonly string[]): readonly ServiceDependency[] {
  if (others.length === 0 || !dice.chance(0.2)) return [];
  const condition = dice.pick(['started', 'healthy', 'completed-successfully'] as const);
  return [{ service: dice.pick(others), condition, required: dice.chance(0.5) }];
}

/** Now and then a place that there is not. */
function drawPlacement(dice: Prng): Placement {
  return dice.chance(0.08) ? { ...node, constraints: ['node.labels.disk==ssd'] } : node;
}

/** Draws a change of a service: of its size, its image, or its settings. */
export function drawChange(before: ServiceDeclaration, dice: Prng): ServiceDeclaration {
  const { spec, template } = before;
  const kind = dice.pick([
    'scale',
    'scale',
    'image',
    'image',
    'force',
    'settings',
    'placement',
  ] as const);
  switch (kind) {
    case 'scale':
      if (spec.mode.kind !== 'replicated') return before;
      return changedSpec(before, { mode: { kind: 'replicated', replicas: dice.below(6) } });
    case 'placement':
      return changedSpec(before, { placement: drawPlacement(dice) });
    case 'settings':
      if (spec.update === undefined) return before;
      return changedSpec(before, { update: drawSettings(dice), rollback: drawRollback(dice) });
    case 'force':
      return { ...before, template: { ...template, forceUpdate: template.forceUpdate + 1 } };
    case 'image': {
      const image = drawImage(dice);
      const containers = template.containers.map((container) => ({ ...container, image }));
      return { ...before, template: { ...template, containers } };
    }
  }
}

function changedSpec(before: ServiceDeclaration, change: Partial<ServiceSpec>): ServiceDeclaration {
  return { ...before, spec: { ...before.spec, ...change } };
}

function drawImage(dice: Prng): string {
  const kind = dice.chance(0.5) ? 'plain' : dice.pick(imageKinds);
  return `${kind}:${dice.below(4)}`;
}

function drawSettings(dice: Prng): UpdateSettings {
  return {
    parallelism: dice.below(3),
    delayMs: dice.chance(0.3) ? dice.below(3_000) : 0,
    failureAction: dice.pick(['pause', 'continue', 'rollback'] as const),
    monitorMs: 1 + dice.below(6_000),
    maxFailureRatio: dice.pick([0, 0, 0.5]),
    order: dice.pick(['stop-first', 'stop-first', 'start-first'] as const),
  };
}

function drawRollback(dice: Prng): UpdateSettings {
  return { ...drawSettings(dice), failureAction: dice.pick(['pause', 'continue'] as const) };
}

function drawRestart(dice: Prng): RestartPolicy | undefined {
  if (dice.chance(0.3)) return undefined;
  return {
    condition: dice.pick(['any', 'any', 'on-failure', 'none'] as const),
    delayMs: dice.below(4_000),
    ...(dice.chance(0.2) && { maxAttempts: 1 + dice.below(4), windowMs: dice.below(20_000) }),
  };
}
