import type { StoreEngine } from '../host/store-engine.ts';
import { TuttiError } from '../lib/error.ts';

/**
 * Deletes every row, also those that cannot be read because they are sealed. Nobody else may use
 * the engine meanwhile.
 *
 * @throws TuttiError `unavailable` where the rows are still there, or may be.
 */
export async function eraseStore(engine: StoreEngine): Promise<void> {
  await engine.takeEpoch();
  const { epoch, revision, rows } = await engine.load();
  const changes = Array.from(rows, ({ table, id }) => ({ kind: 'delete', table, id }) as const);
  if (changes.length === 0) return;
  const outcome = await engine.commit(changes, { epoch, revision });
  if (outcome.kind === 'committed') return;
  const why = 'message' in outcome ? outcome.message : 'somebody else writes to it';
  throw new TuttiError('unavailable', `the store could not be erased: ${why}`, {
    hint: 'Try again; what was erased stays so.',
  });
}
