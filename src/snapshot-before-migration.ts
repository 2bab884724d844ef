import type { Logger } from './host/logger.ts';
import type { StoreEngine } from './host/store-engine.ts';
import type { Snapshots } from './os/snapshots.ts';
import { migrations, schemaVersionOf } from './store/migrations.ts';

/** What a migration spoils can be had again. Without space for a copy nothing is migrated. */
export async function snapshotBeforeMigration(
  engine: StoreEngine,
  to: { readonly snapshots: Snapshots; readonly logger: Logger },
): Promise<void> {
  const stored = await engine.load();
  const known = schemaVersionOf(migrations);
  if (stored.schemaVersion === 0 || stored.schemaVersion >= known) return;
  const rows = [...stored.rows];
  const cluster = rows.find(({ table }) => table === 'clusters');
  if (cluster === undefined) return;
  const content = { clusterId: cluster.id, snapshot: { ...stored, rows } };
  const path = await to.snapshots.make(content, 'migration');
  to.logger.info('a snapshot was made before the store is migrated', { path });
}
