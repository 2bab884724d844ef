import { TuttiError } from '../lib/error.ts';
import { parseConstraint } from '../model/constraint.ts';
import type { Placement, ServiceMode, UpdateSettings } from '../model/service.ts';
import type { Resources, RestartCondition, RestartPolicy } from '../model/template.ts';
import type { Field } from './field.ts';

/** `deploy.mode`, `deploy.replicas` and the older `scale`. */
export function readMode(service: Field): ServiceMode {
  const deploy = service.at('deploy');
  const kind =
    deploy.at('mode').oneOf(['replicated', 'global', 'replicated-job', 'global-job'] as const) ??
    'replicated';
  const replicasField = deploy.at('replicas');
  const scale = service.at('scale');
  const chosen = replicasField.absent ? scale : replicasField;
  const replicas = chosen.absent ? undefined : chosen.integer({ min: 0 });
  switch (kind) {
    case 'replicated':
      return { kind, replicas: replicas ?? 1 };
    case 'replicated-job':
      return { kind, maxConcurrent: replicas ?? 1, totalCompletions: replicas ?? 1 };
    case 'global':
    case 'global-job':
      if (replicas !== undefined) {
        replicasField.fail(`a ${kind} service runs on every node; remove "replicas"`);
      }
      return { kind };
  }
}

/** `deploy.update_config` or `deploy.rollback_config`. */
export function readUpdateSettings(field: Field): UpdateSettings | undefined {
  if (field.absent) return undefined;
  const parallelism = optional(field.at('parallelism'), (one) => one.integer({ min: 0 }));
  const delayMs = field.at('delay').durationMs();
  const monitorMs = field.at('monitor').durationMs();
  const failureAction = field
    .at('failure_action')
    .oneOf(['pause', 'continue', 'rollback'] as const);
  const maxFailureRatio = optional(field.at('max_failure_ratio'), (one) => one.number());
  if (maxFailureRatio !== undefined && (maxFailureRatio < 0 || maxFailureRatio > 1)) {
    field.at('max_failure_ratio').fail(`expected a fraction from 0 to 1, found ${maxFailureRatio}`);
  }
  const order = field.at('order').oneOf(['stop-first', 'start-first'] as const);
  field.refuseUnknown();
  return {
    ...(parallelism !== undefined && { parallelism }),
    ...(delayMs !== undefined && { delayMs }),
    ...(monitorMs !== undefined && { monitorMs }),
    ...(failureAction !== undefined && { failureAction }),
    ...(maxFailureRatio !== undefined && { maxFailureRatio }),
    ...(order !== undefined && { order }),
  };
}

function optional<T>(field: Field, read: (field: Field) => T | undefined): T | undefined {
  return field.absent ? undefined : read(field);
}

/** `deploy.restart_policy`, or else `restart`. */
export function readRestart(service: Field): RestartPolicy | undefined {
  const policy = service.at('deploy').at('restart_policy');
  const restart = service.at('restart');
  if (policy.absent) return restart.absent ? undefined : shortRestart(restart);
  const condition = readCondition(policy.at('condition'));
  const delayMs = policy.at('delay').durationMs();
  const maxAttempts = optional(policy.at('max_attempts'), (one) => one.integer({ min: 0 }));
  const windowMs = policy.at('window').durationMs();
  policy.refuseUnknown();
  return {
    ...(condition !== undefined && { condition }),
    ...(delayMs !== undefined && { delayMs }),
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(windowMs !== undefined && { windowMs }),
  };
}

/** The words of Docker's older `restart` are understood here, too, as Docker Compose does. */
const restartConditions: Readonly<Record<string, RestartCondition>> = {
  any: 'any',
  always: 'any',
  'unless-stopped': 'any',
  'on-failure': 'on-failure',
  none: 'none',
  no: 'none',
  false: 'none',
};

function readCondition(field: Field): RestartCondition | undefined {
  const text = field.string();
  if (text === undefined) return undefined;
  return (
    restartConditions[text] ?? field.fail(`expected one of any, on-failure, none, found "${text}"`)
  );
}

function shortRestart(field: Field): RestartPolicy | undefined {
  const text = field.value === false ? 'no' : field.string();
  const onFailure = /^on-failure(?::(\d+))?$/.exec(text ?? '');
  if (onFailure !== null) {
    const attempts = onFailure[1];
    return {
      condition: 'on-failure',
      ...(attempts !== undefined && { maxAttempts: Number(attempts) }),
    };
  }
  if (text === 'always' || text === 'unless-stopped') return { condition: 'any' };
  if (text === 'no') return { condition: 'none' };
  return field.fail(
    `expected no, always, unless-stopped or on-failure[:ATTEMPTS], found "${text ?? ''}"`,
  );
}

/** `deploy.placement` and `platform`. */
export function readPlacement(service: Field): Placement {
  const placement = service.at('deploy').at('placement');
  const constraints = placement.at('constraints');
  const preferences = placement.at('preferences');
  const maxReplicas = optional(placement.at('max_replicas_per_node'), (one) =>
    one.integer({ min: 0 }),
  );
  const spreads = preferences.absent
    ? []
    : preferences.items().flatMap((item) => {
        const spread = item.at('spread').string();
        item.refuseUnknown();
        return spread === undefined ? [] : [{ spread }];
      });
  const read: Placement = {
    constraints: constraints.absent ? [] : readConstraints(constraints),
    preferences: spreads,
    maxReplicasPerNode: maxReplicas ?? 0,
    platforms: readPlatforms(service.at('platform')),
  };
  placement.refuseUnknown();
  return read;
}

const constraintKey =
  /^(node\.(id|hostname|ip|role|platform\.(os|arch)|labels\..+)|engine\.labels\..+)$/i;

function readConstraints(field: Field): readonly string[] {
  const items = field.isList ? field.items() : [field];
  return items.flatMap((item) => {
    const expression = item.string();
    if (expression === undefined) return [];
    try {
      const { key } = parseConstraint(expression);
      if (!constraintKey.test(key)) {
        item.fail(
          `no node has a property "${key}"; use node.id, node.hostname, node.ip, node.role, ` +
            'node.platform.os, node.platform.arch, node.labels.<label> or engine.labels.<label>',
        );
      }
    } catch (error) {
      item.fail(TuttiError.from(error).message);
    }
    return [expression];
  });
}

function readPlatforms(field: Field): Placement['platforms'] {
  const text = field.string();
  if (text === undefined) return [];
  const [os = 'linux', architecture] = text.split('/');
  return [{ os, ...(architecture !== undefined && { architecture }) }];
}

/**
 * `deploy.resources`, or else the older `cpus`, `mem_limit`, `mem_reservation` and `pids_limit`.
 */
export function readResources(service: Field): {
  readonly limits: Resources;
  readonly reservations: Resources;
} {
  const resources = service.at('deploy').at('resources');
  const limits = readAmounts(resources.at('limits'));
  const reservations = readAmounts(resources.at('reservations'));
  resources.refuseUnknown();
  const cpus = optional(service.at('cpus'), (one) => one.number());
  const memory = service.at('mem_limit').bytes();
  const reserved = service.at('mem_reservation').bytes();
  const pids = optional(service.at('pids_limit'), (one) => one.integer({ min: -1 }));
  return {
    limits: {
      ...(cpus !== undefined && cpus > 0 && { nanoCpus: Math.round(cpus * 1e9) }),
      ...(memory !== undefined && { memoryBytes: memory }),
      ...(pids !== undefined && pids > 0 && { pids }),
      ...limits,
    },
    reservations: { ...(reserved !== undefined && { memoryBytes: reserved }), ...reservations },
  };
}

function readAmounts(field: Field): Resources {
  if (field.absent) return {};
  const cpus = optional(field.at('cpus'), (one) => one.number());
  const memoryBytes = field.at('memory').bytes();
  const pids = optional(field.at('pids'), (one) => one.integer({ min: 0 }));
  const devices = field.at('devices');
  if (!devices.absent) {
    devices.findings.warn(devices.path, 'ignored: devices such as GPUs are not reserved');
  }
  const generic = field.at('generic_resources');
  if (!generic.absent) {
    generic.fail('generic resources are not known; label the nodes and use placement.constraints');
  }
  field.refuseUnknown();
  return {
    ...(cpus !== undefined && { nanoCpus: Math.round(cpus * 1e9) }),
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(pids !== undefined && pids > 0 && { pids }),
  };
}
