import { TuttiError } from '../lib/error.ts';
import type { Network } from '../model/network.ts';
import type { Node } from '../model/node.ts';
import type { Config, Secret } from '../model/secret.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { nameKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';

interface Searched<Row> {
  readonly kind: string;
  readonly byId: (id: string) => Row | undefined;
  readonly byName: (name: string) => Iterable<Row>;
  readonly all: () => Iterable<Row>;
  readonly idOf: (row: Row) => string;
}

/**
 * Looks an object up as Docker does: exact id, then exact name, then a prefix of the id that only
 * one has (moby daemon/cluster/helpers.go).
 * @throws TuttiError `not-found`, or `invalid-argument` where several would fit.
 */
function find<Row>(searched: Searched<Row>, reference: string): Row {
  const { kind } = searched;
  const exact = searched.byId(reference);
  if (exact !== undefined) return exact;
  const named = [...searched.byName(reference)];
  if (named.length === 1 && named[0] !== undefined) return named[0];
  if (named.length > 1) throw ambiguous(kind, reference, named.length);
  const prefixed: Row[] = [];
  for (const row of searched.all()) {
    if (reference !== '' && searched.idOf(row).startsWith(reference)) prefixed.push(row);
  }
  if (prefixed.length === 1 && prefixed[0] !== undefined) return prefixed[0];
  if (prefixed.length > 1) throw ambiguous(kind, reference, prefixed.length);
  throw new TuttiError('not-found', `${kind} ${reference} not found`);
}

function ambiguous(kind: string, reference: string, count: number): TuttiError {
  return new TuttiError(
    'invalid-argument',
    `${kind} ${reference} is ambiguous (${count} matches found)`,
  );
}

const byRowId = (row: { readonly id: string }): string => row.id;

/** What a person removed is gone for them, even while its tasks still stop. */
function present<Row extends { readonly removing?: boolean }>(rows: Iterable<Row>): Iterable<Row> {
  return [...rows].filter((row) => row.removing !== true);
}

export function findService(view: View, reference: string): Service {
  return find<Service>(
    {
      kind: 'service',
      byId: (id) => unlessRemoving(view.services.get(id)),
      byName: (name) => present(view.services.by('name', nameKey(name))),
      all: () => present(view.services.all()),
      idOf: byRowId,
    },
    reference,
  );
}

export function findNetwork(view: View, reference: string): Network {
  return find<Network>(
    {
      kind: 'network',
      byId: (id) => unlessRemoving(view.networks.get(id)),
      byName: (name) => present(view.networks.by('name', nameKey(name))),
      all: () => present(view.networks.all()),
      idOf: byRowId,
    },
    reference,
  );
}

export function findSecret(view: View, reference: string): Secret {
  return find<Secret>(
    {
      kind: 'secret',
      byId: (id) => view.secrets.get(id),
      byName: (name) => view.secrets.by('name', nameKey(name)),
      all: () => view.secrets.all(),
      idOf: byRowId,
    },
    reference,
  );
}

export function findConfig(view: View, reference: string): Config {
  return find<Config>(
    {
      kind: 'config',
      byId: (id) => view.configs.get(id),
      byName: (name) => view.configs.by('name', nameKey(name)),
      all: () => view.configs.all(),
      idOf: byRowId,
    },
    reference,
  );
}

/** Nodes have no unique name: the host name stands in for it. `self` is the node that is asked. */
export function findNode(
  view: View,
  options: { readonly reference: string; readonly self: string | undefined },
): Node {
  return find<Node>(
    {
      kind: 'node',
      byId: (id) => view.nodes.get(id === 'self' ? (options.self ?? id) : id),
      byName: (name) => view.nodes.by('hostname', nameKey(name)),
      all: () => view.nodes.all(),
      idOf: byRowId,
    },
    options.reference,
  );
}

/** Tasks are named `<service>.<slot>.<id>`; looking them up by name goes through their service. */
export function findTask(view: View, reference: string): Task {
  return find<Task>(
    {
      kind: 'task',
      byId: (id) => view.tasks.get(id),
      byName: (name) => {
        const task = view.tasks.get(name.slice(name.lastIndexOf('.') + 1));
        return task === undefined || !name.includes('.') ? [] : [task];
      },
      all: () => view.tasks.all(),
      idOf: byRowId,
    },
    reference,
  );
}

function unlessRemoving<Row extends { readonly removing?: boolean }>(
  row: Row | undefined,
): Row | undefined {
  return row?.removing === true ? undefined : row;
}
