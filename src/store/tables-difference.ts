import { sameJson } from '../lib/json.ts';
import type { AnyRow } from './layer.ts';
import type { TableName } from './schema.ts';
import type { Tables } from './tables.ts';
import type { Change } from './view.ts';

/** What leads from one state of all tables to another. Walks both: for reloads only. */
export function differences(from: Tables, to: Tables): readonly Change[] {
  const changes: {
    readonly table: TableName;
    readonly id: string;
    readonly before: AnyRow | undefined;
    readonly after: AnyRow | undefined;
  }[] = [];
  for (const [table, target] of to) {
    const source = from.get(table);
    for (const before of source?.all() ?? []) {
      const { id } = before;
      if (target.get(id) === undefined) changes.push({ table, id, before, after: undefined });
    }
    for (const after of target.all()) {
      const { id } = after;
      const before = source?.get(id);
      if (!sameJson(before, after)) changes.push({ table, id, before, after });
    }
  }
  // Each row is of its table's type: it was decoded into, or read from, that table.
  return changes as unknown as readonly Change[];
}
