import type { AnyRow, Indexes, Layer } from './layer.ts';
import { Overlay } from './overlay.ts';
import type { TableName } from './schema.ts';
import { tableIndexes, tableNames } from './schema.ts';
import { Table } from './table.ts';
import type { Change, Transaction, View } from './view.ts';

const knownTables: ReadonlySet<string> = new Set(tableNames);

export function isTableName(name: string): name is TableName {
  return knownTables.has(name);
}

/**
 * One layer for each table. The store's own code treats tables alike, as rows with an id; the types
 * of `View` and `Transaction` give each its own row, and `asView`, `asTransaction`, `changesOf` are
 * where the two meet.
 */
export type Tables = ReadonlyMap<TableName, Table<AnyRow>>;
export type Overlays = ReadonlyMap<TableName, Overlay<AnyRow>>;

export function emptyTables(): Tables {
  const indexes = tableIndexes as unknown as Readonly<Record<TableName, Indexes<AnyRow>>>;
  return new Map(tableNames.map((name) => [name, new Table(indexes[name])]));
}

export function overlaysOn(layers: ReadonlyMap<TableName, Layer<AnyRow>>): Overlays {
  const overlays = new Map<TableName, Overlay<AnyRow>>();
  for (const [name, layer] of layers) overlays.set(name, new Overlay(layer));
  return overlays;
}

/** The tables as outside readers get them; `revision` is asked each time. */
export function asView(tables: () => Tables, revision: () => number): View {
  const view = {};
  for (const name of tableNames) {
    Object.defineProperty(view, name, { get: () => tables().get(name), enumerable: true });
  }
  Object.defineProperty(view, 'revision', { get: revision, enumerable: true });
  return view as View;
}

export function asTransaction(overlays: Overlays, revision: number): Transaction {
  return { ...Object.fromEntries(overlays), revision } as unknown as Transaction;
}

export function sealAll(overlays: Overlays): void {
  for (const overlay of overlays.values()) overlay.seal();
}

export function changedRows(overlays: Overlays): number {
  let count = 0;
  for (const overlay of overlays.values()) count += overlay.changed.size;
  return count;
}

/** Makes the changes of all overlays in the layers below them. */
export function absorbAll(overlays: Overlays, layers: ReadonlyMap<TableName, Layer<AnyRow>>): void {
  for (const [name, overlay] of overlays) {
    const layer = layers.get(name);
    if (layer !== undefined && overlay.changed.size > 0) overlay.absorbInto(layer);
  }
}

/** What the overlays change in the durable tables, row by row. */
export function changesOf(overlays: Overlays, tables: Tables): readonly Change[] {
  const changes: { table: TableName; id: string; before?: AnyRow; after?: AnyRow }[] = [];
  for (const [table, overlay] of overlays) {
    const durable = tables.get(table);
    for (const [id, after] of overlay.changed) {
      const before = durable?.get(id);
      if (before !== after) changes.push({ table, id, before, after } as (typeof changes)[number]);
    }
  }
  return changes as unknown as readonly Change[];
}
