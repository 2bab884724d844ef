import type { Instant } from '../model/instant.ts';
import type { Node } from '../model/node.ts';
import type { Service } from '../model/service.ts';
import type { Change, View } from '../store/view.ts';

export type ClusterEventType = 'service' | 'node' | 'network' | 'secret' | 'config';
export type ClusterEventAction = 'create' | 'update' | 'remove';

/** One line of `docker events` with scope `swarm`. */
export interface ClusterEvent {
  readonly type: ClusterEventType;
  readonly action: ClusterEventAction;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly at: Instant;
}

/**
 * What a change of a row is to a person who watches events; undefined for changes inside (moby
 * daemon/events.go). A service or network counts as removed when a person removes it, not when its
 * last task is gone.
 */
export function toEvent(
  change: Change,
  from: { readonly view: View; readonly now: Instant },
): ClusterEvent | undefined {
  switch (change.table) {
    case 'services':
      return describe('service', change, { ...from, extra: serviceDifferences });
    case 'nodes':
      return describe('node', change, { ...from, extra: nodeDifferences });
    case 'networks':
      // Stands for a network of the node itself, which nobody made.
      if ((change.after ?? change.before)?.predefined === true) return undefined;
      return describe('network', change, { ...from, extra: () => ({}) });
    case 'secrets':
      return describe('secret', change, { ...from, extra: () => ({}) });
    case 'configs':
      return describe('config', change, { ...from, extra: () => ({}) });
    case 'clusters':
    case 'roots':
    case 'attachments':
    case 'templates':
    case 'tasks':
      return undefined;
  }
}

interface Row {
  readonly id: string;
  readonly version: number;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly removing?: boolean;
  readonly spec: { readonly name?: string };
  readonly description?: { readonly hostname: string };
}

function describe<R extends Row>(
  type: ClusterEventType,
  change: { readonly before: R | undefined; readonly after: R | undefined },
  from: {
    readonly view: View;
    readonly now: Instant;
    readonly extra: (
      before: R,
      options: { readonly after: R; readonly view: View },
    ) => Readonly<Record<string, string>>;
  },
): ClusterEvent | undefined {
  const before = change.before?.removing === true ? undefined : change.before;
  const after = change.after?.removing === true ? undefined : change.after;
  const row = after ?? before;
  if (row === undefined) return undefined;
  const name = row.description?.hostname ?? row.spec.name ?? '';
  if (before === undefined || after === undefined) {
    const action = before === undefined ? 'create' : 'remove';
    const at = before === undefined ? row.createdAt : from.now;
    return { type, action, id: row.id, attributes: { name }, at };
  }
  const differences = from.extra(before, { after, view: from.view });
  if (before.version === after.version && Object.keys(differences).length === 0) return undefined;
  return {
    type,
    action: 'update',
    id: row.id,
    attributes: { ...differences, name },
    at: before.version === after.version ? from.now : after.updatedAt,
  };
}

function serviceDifferences(
  before: Service,
  options: { readonly after: Service; readonly view: View },
): Readonly<Record<string, string>> {
  const { after, view } = options;
  const image = (service: Service): string =>
    view.templates.get(service.templateId)?.spec.containers[0]?.image ?? '';
  const replicas = (service: Service): string =>
    service.spec.mode.kind === 'replicated' ? String(service.spec.mode.replicas) : '';
  return {
    ...(before.templateId === after.templateId
      ? {}
      : difference('image', { before: image(before), after: image(after) })),
    ...difference('replicas', { before: replicas(before), after: replicas(after) }),
    ...difference('updatestate', { before: before.update?.state, after: after.update?.state }),
  };
}

function nodeDifferences(
  before: Node,
  options: { readonly after: Node },
): Readonly<Record<string, string>> {
  const { after } = options;
  return {
    ...difference('availability', {
      before: before.spec.availability,
      after: after.spec.availability,
    }),
    ...difference('role', { before: before.spec.role, after: after.spec.role }),
  };
}

/** An update's state appears without a predecessor; the rest always has one. */
function difference(
  name: string,
  values: { readonly before: string | undefined; readonly after: string | undefined },
): Readonly<Record<string, string>> {
  const { before, after } = values;
  if (before === after || after === undefined || after === '' || before === '') return {};
  return {
    [`${name}.new`]: after,
    ...(before === undefined ? {} : { [`${name}.old`]: before }),
  };
}

/**
 * As Docker writes it: one JSON object a line. Nanoseconds go beyond what a JavaScript number can
 * count.
 */
export function writeEvent(event: ClusterEvent): string {
  const { type, action, id, attributes, at } = event;
  const sorted = Object.fromEntries(Object.entries(attributes).toSorted(byKey));
  const head = JSON.stringify({
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: sorted },
    scope: 'swarm',
    time: Math.floor(at / 1_000),
  });
  return `${head.slice(0, -1)},"timeNano":${Math.floor(at)}000000}\n`;
}

function byKey(left: readonly [string, string], right: readonly [string, string]): number {
  return left[0] < right[0] ? -1 : Number(left[0] > right[0]);
}
