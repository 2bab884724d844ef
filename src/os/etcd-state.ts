import { TuttiError } from '../lib/error.ts';
import type { EtcdClient } from './etcd-client.ts';
import { damaged, EtcdKeys } from './etcd-keys.ts';
import type { EtcdOperation, EtcdTransactionReply } from './etcd-messages.ts';

/** The layout of keys that this program knows. */
const knownLayout = 1;

/** What the store in etcd is at, read at one moment. */
export interface EtcdState {
  /** etcd's own. */
  readonly etcdRevision: number;
  readonly epoch: number;
  readonly revision: number;
  readonly schemaVersion: number;
  /** The last sign of life of who holds the epoch. */
  readonly holder: string | undefined;
  /** The large batch that made the revision and is not folded into the rows yet. */
  readonly pending: { readonly revision: number; readonly parts: number } | undefined;
}

/** For a transaction's reply that `stateOf` reads. */
export function readStateOperations(keys: EtcdKeys): readonly EtcdOperation[] {
  const { layout, epoch, revision, schemaVersion, pending, holder } = keys;
  return [layout, epoch, revision, schemaVersion, pending, holder].map((key) => ({
    kind: 'get',
    key,
  }));
}

/** @throws TuttiError `failed-precondition` where it is of a layout that is not known. */
export function stateOf({ found, etcdRevision }: EtcdTransactionReply): EtcdState {
  const [layout, epoch, revision, schemaVersion, pending, holder] = found.map((pairs) =>
    pairs[0]?.value.toString(),
  );
  const layoutNumber = count(layout ?? String(knownLayout));
  if (layoutNumber > knownLayout) {
    throw new TuttiError(
      'failed-precondition',
      `the store in etcd has layout ${layoutNumber}, and this program knows up to ${knownLayout}`,
      { hint: 'Use the version of Tutti that the other managers run.' },
    );
  }
  const [pendingRevision, parts] = pending?.split(' ') ?? [];
  return {
    etcdRevision,
    epoch: count(epoch),
    revision: count(revision),
    schemaVersion: count(schemaVersion),
    holder,
    pending:
      pending === undefined ? undefined : { revision: count(pendingRevision), parts: count(parts) },
  };
}

/** @throws TuttiError. */
export async function readState(client: EtcdClient, keys: EtcdKeys): Promise<EtcdState> {
  return stateOf(await client.transact({ compares: [], success: readStateOperations(keys) }));
}

/** @throws TuttiError where etcd does not answer, or what it holds is damaged. */
export async function readSchemaVersion(client: EtcdClient): Promise<number> {
  return (await readState(client, new EtcdKeys())).schemaVersion;
}

function count(text: string | undefined): number {
  if (text === undefined) return 0;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw damaged(`${JSON.stringify(text.slice(0, 40))} is no number`);
  }
  return number;
}
