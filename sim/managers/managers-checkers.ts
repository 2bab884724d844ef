import { sameJson } from '../../src/lib/json.ts';
import type { ControlPlane } from '../../src/manager/control-plane.ts';
import type { Term } from '../../src/manager/manager.ts';
import { type TableName, tableNames } from '../../src/store/schema.ts';
import type { Store } from '../../src/store/store.ts';
import type { Commit, View } from '../../src/store/view.ts';
import type { ClusterCheckers } from '../cluster/checkers.ts';
import { EtcdKeys } from '../../src/os/etcd-keys.ts';
import type { KeyCommit, KeySpace } from '../etcd/key-space.ts';
import type { SimulatedManager, ManagersWatcher } from './manager.ts';

const storeKeys = new EtcdKeys();

/** What one revision of the store was, by whoever knew it first. */
interface Written {
  readonly by: string;
  readonly rows: ReadonlyMap<string, unknown>;
  /** Under which it was acknowledged, if it was. */
  epoch: number | undefined;
}

/** Watches what several managers write, acknowledge, see and show. */
export class ManagersCheckers implements ManagersWatcher {
  readonly #checkers: ClusterCheckers;
  readonly #managers: () => readonly SimulatedManager[];
  readonly #written = new Map<number, Written>();
  /** The newest revision that each life of a manager was told of. */
  readonly #seen = new Map<Store, number>();
  #acknowledged = { revision: 0, epoch: 0 };
  /** The epoch that was held when etcd committed a revision. */
  readonly #epochs = new Map<number, number>();
  readonly #texts = new Map<number, readonly string[]>();
  /** Changes of the leader. */
  takeovers = -1;
  acknowledgedWrites = 0;

  constructor(checkers: ClusterCheckers, managers: () => readonly SimulatedManager[]) {
    this.#checkers = checkers;
    this.#managers = managers;
  }

  /** etcd committed something. */
  stored({ changes }: KeyCommit, keys: KeySpace): void {
    const revision = changes.find(({ key }) => key === storeKeys.revision)?.value;
    if (revision === undefined) return;
    this.#epochs.set(Number(revision), Number(keys.get(storeKeys.epoch) ?? 0));
  }

  /** A manager was told that its batch is durable. */
  acknowledged(
    by: SimulatedManager,
    write: { readonly epoch: number; readonly revision: number; readonly texts: readonly string[] },
  ): void {
    const { epoch, revision, texts } = write;
    const who = `${by.nodeId} under epoch ${epoch}`;
    const before = this.#texts.get(revision);
    if (before !== undefined && !sameJson(before, texts)) {
      const message = `revision ${revision} was acknowledged twice, now to ${who}`;
      this.#checkers.report('two writes of one revision', message);
    }
    this.#texts.set(revision, texts);
    const last = this.#acknowledged;
    const held = this.#epochs.get(revision);
    // Who was frozen may hear late of what it wrote in time.
    const isLater = revision > last.revision;
    if (held !== epoch || (isLater && epoch < last.epoch)) {
      const message = `revision ${revision} to ${who}, when ${held} was held`;
      this.#checkers.report('a write under an epoch that is over', message);
    }
    if (isLater) this.#acknowledged = { revision, epoch };
    this.acknowledgedWrites += 1;
    this.#checkOneActs();
  }

  followed(_by: SimulatedManager, store: Store): void {
    this.#seen.set(store, store.revision);
    this.#checkKnown(store.view, 'a manager that loaded');
  }

  /** A manager shows a commit to its listeners. */
  saw(by: SimulatedManager, commit: Commit): void {
    const { store } = by;
    if (store === undefined) return;
    const before = this.#seen.get(store) ?? 0;
    const { revision, changes } = commit;
    this.#seen.set(store, revision);
    if (revision <= before && changes.length > 0) {
      const message = `${by.nodeId} showed revision ${revision} after ${before}`;
      this.#checkers.report('a revision comes twice', message);
      return;
    }
    // What was loaded again is several at once.
    if (revision !== before + 1) {
      this.#checkKnown(store.view, by.nodeId);
      return;
    }
    const rows = new Map(changes.map(({ table, id, after }) => [`${table}/${id}`, after] as const));
    const known = this.#written.get(revision);
    if (known === undefined) {
      this.#written.set(revision, { by: by.nodeId, rows, epoch: undefined });
      return;
    }
    const isSame =
      known.rows.size === rows.size &&
      [...rows].every(([key, row]) => known.rows.has(key) && sameJson(known.rows.get(key), row));
    if (isSame) return;
    const message = `revision ${revision} is another one for ${by.nodeId} than for ${known.by}`;
    this.#checkers.report('managers disagree', message);
  }

  began(by: SimulatedManager, term: Term): void {
    this.takeovers += 1;
    const { view } = term.controlPlane;
    this.#checkers.opened(view);
    if (view.revision < this.#acknowledged.revision) {
      const message = `${by.nodeId} leads from revision ${view.revision}, and ${this.#acknowledged.revision} was acknowledged`;
      this.#checkers.report('acknowledged write lost', message);
    }
    this.#checkKnown(view, `${by.nodeId}, which leads`);
    this.#checkOneActs();
  }

  committed(commit: Commit, control: ControlPlane): void {
    this.#checkers.committed(commit, control);
  }

  /** To be asked now and then: who could act at this moment. */
  #checkOneActs(): void {
    const acting = this.#managers().filter((one) => one.isUp && !one.isFrozen && one.mayAct);
    if (acting.length < 2) return;
    const names = acting.map(({ nodeId }) => nodeId).join(', ');
    this.#checkers.report('two managers act at once', names);
  }

  look(): void {
    this.#checkOneActs();
  }

  /** Once all is healed: everybody has the same rows. */
  checkSame(): void {
    const stores = this.#managers().flatMap((one) =>
      one.store === undefined ? [] : [{ nodeId: one.nodeId, view: one.store.view }],
    );
    const [first, ...others] = stores;
    if (first === undefined) return;
    this.#checkKnown(first.view, first.nodeId);
    for (const { nodeId, view } of others) {
      if (view.revision !== first.view.revision) {
        const message = `${nodeId} is at ${view.revision}, ${first.nodeId} at ${first.view.revision}`;
        this.#checkers.report('managers disagree', message);
        continue;
      }
      for (const table of tableNames) {
        const [mine, theirs] = [byId(first.view, table), byId(view, table)];
        const isSame =
          mine.size === theirs.size &&
          [...mine].every(([id, row]) => sameJson(row, theirs.get(id)));
        if (isSame) continue;
        const message = `${table} of ${nodeId} are not those of ${first.nodeId}`;
        this.#checkers.report('managers disagree', message);
      }
    }
  }

  /** Each row is as the last one who wrote it left it, as far as every revision is known. */
  #checkKnown(view: View, who: string): void {
    const checked = new Set<string>();
    for (let { revision } = view; ; revision -= 1) {
      const written = this.#written.get(revision);
      if (written === undefined) return;
      for (const [key, row] of written.rows) {
        if (checked.has(key)) continue;
        checked.add(key);
        const [table, id] = key.split('/') as [TableName, string];
        if (sameJson(view[table].get(id), row)) continue;
        const message = `${key} of revision ${revision} is not there for ${who}`;
        this.#checkers.report('acknowledged write lost', message);
      }
    }
  }
}

function byId(view: View, table: TableName): ReadonlyMap<string, unknown> {
  return new Map([...view[table].all()].map((row) => [row.id, row] as const));
}
