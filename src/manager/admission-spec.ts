import { unreachable } from '../lib/assert.ts';
import { TuttiError } from '../lib/error.ts';
import { affinities, affinityLabel } from '../model/affinity.ts';
import { parseConstraint } from '../model/constraint.ts';
import type { Labels } from '../model/labels.ts';
import type {
  Placement,
  PublishedPort,
  ServiceMode,
  ServiceSpec,
  UpdateSettings,
} from '../model/service.ts';
import {
  checkDuration,
  checkLabels,
  checkOneOf,
  checkText,
  checkUnique,
  checkWholeNumber,
  refuse,
  show,
} from './admission-check.ts';
import { checkServiceName } from './admission-names.ts';

/** A number with too many digits must not fill the store. */
const replicaLimit = 1_000_000;
const portLimit = 65_535;

/** What holds of a service's declaration by itself, without a look at the store. */
export function checkSpec(field: string, spec: ServiceSpec): void {
  checkServiceName(`${field}.name`, spec.name);
  checkLabels(`${field}.labels`, spec.labels);
  checkAffinity(`${field}.labels`, spec.labels);
  checkMode(`${field}.mode`, spec.mode);
  checkUpdate(`${field}.update`, spec.update);
  checkUpdate(`${field}.rollback`, spec.rollback);
  checkRollbackAction(`${field}.rollback`, spec.rollback);
  checkJobSettings(field, spec);
  checkOneOf(`${field}.endpointMode`, spec.endpointMode, ['vip', 'dnsrr']);
  checkPorts(`${field}.ports`, spec.ports);
  checkEndpointMode(field, spec);
  checkPlacement(`${field}.placement`, spec.placement, spec.mode);
  checkDependencies(`${field}.dependsOn`, spec);
}

function checkAffinity(field: string, labels: Labels): void {
  checkOneOf(`${field}["${affinityLabel}"]`, labels[affinityLabel], affinities);
}

function checkMode(field: string, mode: ServiceMode): void {
  switch (mode.kind) {
    case 'replicated':
      checkWholeNumber(`${field}.replicas`, mode.replicas, { minimum: 0, maximum: replicaLimit });
      return;
    case 'replicated-job':
      checkWholeNumber(`${field}.maxConcurrent`, mode.maxConcurrent, {
        minimum: 0,
        maximum: replicaLimit,
      });
      checkWholeNumber(`${field}.totalCompletions`, mode.totalCompletions, {
        minimum: 0,
        maximum: replicaLimit,
      });
      return;
    case 'global':
    case 'global-job':
      return;
    default:
      unreachable(mode);
  }
}

function checkUpdate(field: string, settings: UpdateSettings | undefined): void {
  if (settings === undefined) return;
  checkWholeNumber(`${field}.parallelism`, settings.parallelism, { minimum: 0 });
  checkDuration(`${field}.delayMs`, settings.delayMs);
  checkDuration(`${field}.monitorMs`, settings.monitorMs);
  checkOneOf(`${field}.failureAction`, settings.failureAction, ['pause', 'continue', 'rollback']);
  checkOneOf(`${field}.order`, settings.order, ['stop-first', 'start-first']);
  const ratio = settings.maxFailureRatio;
  if (ratio !== undefined && !(ratio >= 0 && ratio <= 1)) {
    refuse(
      `${field}.maxFailureRatio`,
      `${field}.maxFailureRatio is ${show(ratio)}; a fraction from 0 to 1 is expected`,
    );
  }
}

function checkRollbackAction(field: string, settings: UpdateSettings | undefined): void {
  if (settings?.failureAction !== 'rollback') return;
  refuse(
    `${field}.failureAction`,
    'a rollback that fails cannot be rolled back; its failure action is pause or continue',
  );
}

function checkJobSettings(field: string, spec: ServiceSpec): void {
  const isJob = spec.mode.kind === 'replicated-job' || spec.mode.kind === 'global-job';
  if (!isJob || (spec.update === undefined && spec.rollback === undefined)) return;
  refuse(
    `${field}.update`,
    `${spec.name} is a job, which is run anew and not updated; leave out its update settings`,
  );
}

function checkPorts(field: string, ports: readonly PublishedPort[]): void {
  ports.forEach((port, index) => {
    const path = `${field}[${index}]`;
    checkOneOf(`${path}.protocol`, port.protocol, ['tcp', 'udp', 'sctp']);
    checkOneOf(`${path}.mode`, port.mode, ['ingress', 'host']);
    checkWholeNumber(`${path}.targetPort`, port.targetPort, { minimum: 1, maximum: portLimit });
    checkWholeNumber(`${path}.publishedPort`, port.publishedPort, {
      minimum: 0,
      maximum: portLimit,
    });
  });
  const chosen = ports.filter((port) => (port.publishedPort ?? 0) !== 0);
  checkUnique(
    field,
    chosen.map((port) => `${port.publishedPort}/${port.protocol}`),
    'published port',
  );
  checkUnique(
    field,
    ports.flatMap((port) => (port.name === undefined || port.name === '' ? [] : [port.name])),
    'port name',
  );
}

function checkEndpointMode(field: string, spec: ServiceSpec): void {
  if (spec.endpointMode !== 'dnsrr') return;
  const port = spec.ports.find((one) => one.mode === 'ingress');
  if (port === undefined) return;
  refuse(
    `${field}.ports`,
    `port ${port.publishedPort ?? port.targetPort} is published in ingress mode, which needs a ` +
      "virtual address; port published with ingress mode can't be used with dnsrr mode",
    { hint: 'Publish it with mode=host, or use the endpoint mode vip.' },
  );
}

function checkPlacement(field: string, placement: Placement, mode: ServiceMode): void {
  checkWholeNumber(`${field}.maxReplicasPerNode`, placement.maxReplicasPerNode, { minimum: 0 });
  const limitsReplicas = placement.maxReplicasPerNode > 0;
  if (limitsReplicas && (mode.kind === 'global' || mode.kind === 'global-job')) {
    refuse(
      `${field}.maxReplicasPerNode`,
      `max replicas per node is ${placement.maxReplicasPerNode}, but a ${mode.kind} service has ` +
        'one task on each node; leave it out',
    );
  }
  placement.constraints.forEach((expression, index) => {
    checkConstraint(`${field}.constraints[${index}]`, expression);
  });
  placement.preferences.forEach((preference, index) => {
    checkText(`${field}.preferences[${index}].spread`, preference.spread, {
      pattern: /^(?:node|engine)\.labels\.\S+$/,
      expected: 'node.labels.<key> or engine.labels.<key> is expected',
    });
  });
}

/** The parser knows the grammar; here it learns which field it was given. */
function checkConstraint(field: string, expression: string): void {
  try {
    parseConstraint(expression);
  } catch (error) {
    const { message, hint } = TuttiError.from(error);
    refuse(field, message, hint === undefined ? {} : { hint });
  }
}

function checkDependencies(field: string, spec: ServiceSpec): void {
  spec.dependsOn.forEach((dependency, index) => {
    const path = `${field}[${index}]`;
    checkServiceName(`${path}.service`, dependency.service);
    checkOneOf(`${path}.condition`, dependency.condition, [
      'started',
      'healthy',
      'completed-successfully',
    ]);
    if (dependency.service.toLowerCase() === spec.name.toLowerCase()) {
      refuse(`${path}.service`, `${spec.name} depends on itself; take that out`);
    }
  });
  const names = spec.dependsOn.map((dependency) => dependency.service.toLowerCase());
  checkUnique(field, names, 'dependency');
}
