import type { Change } from '../store/view.ts';
import { actingRole } from './nodes.ts';

/** Whether managers came, went, or are found elsewhere. */
export function changesManagers(change: Change): boolean {
  if (change.table === 'clusters') {
    return change.before?.advertiseAddress !== change.after?.advertiseAddress;
  }
  return change.table === 'nodes' && change.before?.seat?.address !== change.after?.seat?.address;
}

/** Whether a node came or went. */
export function changesNodes({ table, before, after }: Change): boolean {
  if (table !== 'nodes') return false;
  const isThere = (row: typeof before): boolean => row !== undefined && row.leftAt === undefined;
  return isThere(before) !== isThere(after);
}

/** The node whose certificate names another role than its row does now. */
export function changedRole(change: Change): readonly string[] {
  if (change.table !== 'nodes' || change.before === undefined) return [];
  const { before, after } = change;
  if (after === undefined || after.keyDigest === undefined) return [];
  return actingRole(before) === actingRole(after) ? [] : [after.id];
}
