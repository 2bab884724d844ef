import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import { stackLabel } from '../model/labels.ts';
import type { NetworkSpec } from '../model/network.ts';
import type { DataSpec } from '../model/secret.ts';
import type { Service, ServiceDeclaration } from '../model/service.ts';
import type { StackChange, StackDeclaration, StackObjectKind } from '../model/stack.ts';
import type { FileReference } from '../model/template.ts';
import { isPaused } from '../orchestrator/update-settings.ts';
import { nameKey, staticAddresses } from '../store/schema.ts';
import type { Transaction } from '../store/view.ts';
import { findService } from './admission.ts';
import { refuse } from './admission-check.ts';
import { checkStackName } from './admission-names.ts';
import { type DataKind, createData, findData, removeData } from './data.ts';
import { serviceDifferences } from './differences.ts';
import { createNetwork, findNetwork, removeNetwork } from './networks.ts';
import { createService, declaredAs, removeService, updateService } from './services.ts';
import type { WriteContext } from './writer.ts';

/**
 * Brings a whole stack into the store; throws, and the transaction is dropped, when any part is
 * refused.
 */
export function applyStack(
  tx: Transaction,
  declaration: StackDeclaration,
  options: { readonly prune: boolean; readonly context: WriteContext },
): readonly StackChange[] {
  const { prune, context } = options;
  checkStackName('name', declaration.name);
  const stack = declaration.name;
  const siblings = new Set(declaration.services.map((one) => nameKey(one.spec.name)));
  const changes: StackChange[] = [];
  for (const spec of declaration.networks) {
    changes.push(within('networks', spec.name, () => applyNetwork(tx, { stack, spec, context })));
  }
  for (const kind of ['secret', 'config'] as const) {
    for (const one of declaration[`${kind}s`]) {
      const apply = (): StackChange => applyData(tx, { stack, kind, ...one, context });
      changes.push(within(`${kind}s`, one.spec.name, apply));
    }
  }
  const reserved = addressesOf(tx, declaration.services);
  for (const service of declaration.services) {
    const parts = { stack, service, siblings, context: { ...context, reserved } };
    const apply = (): StackChange => applyService(tx, parts);
    changes.push(within('services', service.spec.name, apply));
  }
  if (!prune) return changes;
  return [...changes, ...pruneServices(tx, { stack, keep: siblings, context })];
}

/** Services first, so that what they used can go with them. */
export function removeStack(
  tx: Transaction,
  stack: string,
  context: WriteContext,
): readonly StackChange[] {
  const services = pruneServices(tx, { stack, keep: new Set(), context });
  const changes: StackChange[] = [...services];
  for (const kind of ['secret', 'config'] as const) {
    const rows = [...tx[`${kind}s`].by('stack', stack)];
    for (const row of rows) {
      removeData(tx, kind, row.id);
      changes.push({ kind, name: row.spec.name, action: 'remove', differences: [] });
    }
  }
  const networks = [...tx.networks.by('stack', stack)];
  for (const network of networks) {
    if (network.removing === true) continue;
    removeNetwork(tx, { networkId: network.id, context });
    changes.push({
      kind: 'network',
      name: network.spec.name,
      action: 'remove',
      differences: [],
    });
  }
  if (changes.length > 0) return changes;
  throw new TuttiError('not-found', `nothing found in stack: ${stack}`);
}

function pruneServices(
  tx: Transaction,
  options: {
    readonly stack: string;
    readonly keep: ReadonlySet<string>;
    readonly context: WriteContext;
  },
): readonly StackChange[] {
  const { stack, keep, context } = options;
  const gone = [...tx.services.by('stack', stack)].filter(
    (service) => service.removing !== true && !keep.has(nameKey(service.spec.name)),
  );
  return gone.map((service) => {
    removeService(tx, { serviceId: service.id, context });
    return { kind: 'service', name: service.spec.name, action: 'remove', differences: [] };
  });
}

function applyNetwork(
  tx: Transaction,
  options: { readonly stack: string; readonly spec: NetworkSpec; readonly context: WriteContext },
): StackChange {
  const { stack, spec, context } = options;
  const change = { kind: 'network', name: spec.name, differences: [] } as const;
  const existing = findNetwork(tx, spec.name);
  if (existing === undefined) {
    createNetwork(tx, { spec, context });
    return { ...change, action: 'create' };
  }
  checkOwner('network', existing, stack);
  if (sameJson(existing.spec, spec)) return { ...change, action: 'keep' };
  if (!sameJson({ ...existing.spec, labels: {} }, { ...spec, labels: {} })) {
    refuse('spec', `network ${spec.name} is declared differently from the one that is there`, {
      code: 'failed-precondition',
      hint: 'A network cannot be changed: remove the stack first, or give the network a new name.',
    });
  }
  tx.networks.put({ ...existing, spec, version: tx.revision, updatedAt: context.now });
  return { ...change, action: 'update', differences: ['labels changed'] };
}

function applyData(
  tx: Transaction,
  options: {
    readonly stack: string;
    readonly kind: DataKind;
    readonly spec: DataSpec;
    readonly data: string;
    readonly context: WriteContext;
  },
): StackChange {
  const { stack, kind, spec, data, context } = options;
  const change = { kind, name: spec.name, differences: [] } as const;
  const existing = findData(tx, kind, spec.name);
  if (existing === undefined) {
    createData(tx, { kind, spec, data, context });
    return { ...change, action: 'create' };
  }
  checkOwner(kind, existing, stack);
  if (existing.data !== data) {
    refuse(
      'data',
      `${kind} ${spec.name} is declared with another content than the one that is there`,
      {
        code: 'failed-precondition',
        hint: `The content of a ${kind} never changes: give the new one a new name.`,
      },
    );
  }
  if (sameJson(existing.spec, spec)) return { ...change, action: 'keep' };
  const row = { ...existing, spec, version: tx.revision, updatedAt: context.now };
  if (kind === 'secret') tx.secrets.put(row);
  else tx.configs.put(row);
  return { ...change, action: 'update', differences: ['labels changed'] };
}

function applyService(
  tx: Transaction,
  options: {
    readonly stack: string;
    readonly service: ServiceDeclaration;
    readonly siblings: ReadonlySet<string>;
    readonly context: WriteContext;
  },
): StackChange {
  const { stack, siblings, context } = options;
  const { name } = options.service.spec;
  const existing = findService(tx, name);
  const declaration = keepForced(tx, resolveNames(tx, options.service), existing);
  if (existing === undefined) {
    createService(tx, { declaration, siblings, context });
    return { kind: 'service', name, action: 'create', differences: [] };
  }
  checkOwner('service', existing, stack);
  const before = { spec: existing.spec, template: templateOf(tx, existing) };
  const after = declaredAs(declaration);
  const differences = serviceDifferences(
    before,
    after,
    (id) => tx.networks.get(id)?.spec.name ?? id,
  );
  const { registryAuth } = declaration;
  const newAuth = registryAuth !== undefined && registryAuth !== existing.registryAuth;
  const goesOn = isPaused(existing);
  if (differences.length === 0 && !newAuth && !goesOn) {
    return { kind: 'service', name, action: 'keep', differences };
  }
  updateService(tx, { serviceId: existing.id, declaration, siblings, context });
  const others = [
    ...(newAuth ? ['registry credentials changed'] : []),
    ...(goesOn ? ['the paused update goes on'] : []),
  ];
  return { kind: 'service', name, action: 'update', differences: [...differences, ...others] };
}

/** Static addresses: what is chosen for one of the services must not be what another declares. */
function addressesOf(
  tx: Transaction,
  services: readonly ServiceDeclaration[],
): ReadonlySet<string> {
  const declared = services.flatMap(({ template }) =>
    template.networks.map((one) => {
      const networkId = findNetwork(tx, one.networkId)?.id ?? one.networkId;
      return { ...one, networkId };
    }),
  );
  return new Set(staticAddresses({ networks: declared }));
}

function templateOf(tx: Transaction, service: Service): ServiceDeclaration['template'] {
  const template = tx.templates.get(service.templateId);
  if (template === undefined) {
    throw new TuttiError('internal', `service ${service.id} has lost its template`);
  }
  return template.spec;
}

/**
 * A person's `--force` is no part of a document, and deploying the document again does not undo it.
 */
function keepForced(
  tx: Transaction,
  declaration: ServiceDeclaration,
  existing: Service | undefined,
): ServiceDeclaration {
  if (existing === undefined || declaration.template.forceUpdate !== 0) return declaration;
  const { forceUpdate } = templateOf(tx, existing);
  return { ...declaration, template: { ...declaration.template, forceUpdate } };
}

/** Puts ids where a stack's declaration has full names. */
function resolveNames(tx: Transaction, declaration: ServiceDeclaration): ServiceDeclaration {
  const { template } = declaration;
  const networks = template.networks.map((attachment, index) => {
    const network = findNetwork(tx, attachment.networkId);
    if (network !== undefined) return { ...attachment, networkId: network.id };
    return refuse(`template.networks[${index}]`, `network ${attachment.networkId} not found`, {
      hint: 'Declare it in the stack, or create it before and call it external.',
    });
  });
  const files = (kind: DataKind, references: readonly FileReference[]): readonly FileReference[] =>
    references.map((reference) => {
      const row = findData(tx, kind, reference.sourceId);
      if (row !== undefined) return { ...reference, sourceId: row.id, sourceName: row.spec.name };
      return refuse(`template.${kind}s`, `${kind} not found: ${reference.sourceId}`, {
        hint: 'Declare it in the stack, or create it before and call it external.',
      });
    });
  const containers = template.containers.map((container) => ({
    ...container,
    secrets: files('secret', container.secrets),
    configs: files('config', container.configs),
  }));
  return { ...declaration, template: { ...template, networks, containers } };
}

function checkOwner(
  kind: StackObjectKind,
  row: {
    readonly spec: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  },
  stack: string,
): void {
  const owner = row.spec.labels[stackLabel];
  if (owner === stack) return;
  const whose = owner === undefined ? 'to no stack' : `to the stack ${owner}`;
  refuse('spec.name', `${kind} ${row.spec.name} exists already and belongs ${whose}`, {
    code: 'already-exists',
    hint: `Rename it, or remove the ${kind} that is there.`,
  });
}

/** Says in which part of the declaration something was refused. */
function within<T>(group: string, name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof TuttiError)) throw error;
    const path = `${group}.${name}`;
    throw new TuttiError(error.code, `${path}: ${error.message}`, {
      field: error.field === undefined ? path : `${path}.${error.field}`,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}
