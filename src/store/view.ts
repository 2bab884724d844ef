import type { IndexName, Rows, TableName } from './schema.ts';

/** Reading one table. Rows are never changed in place: a new row replaces the old one. */
export interface TableView<T extends TableName> {
  readonly size: number;
  get(id: string): Rows[T] | undefined;
  all(): Iterable<Rows[T]>;
  /** Rows that the index files under the key, in order of their ids' arrival. */
  by(index: IndexName<T>, key: string): Iterable<Rows[T]>;
  /** How many there are, without walking them. */
  count(index: IndexName<T>, key: string): number;
  /** The keys under which the index files at least one row. */
  keys(index: IndexName<T>): Iterable<string>;
}

export interface TableWriter<T extends TableName> extends TableView<T> {
  /** Inserts the row or replaces the one with the same id. */
  put(row: Rows[T]): void;
  /** Deleting what is not there is no error. */
  delete(id: string): void;
}

/** What is durable, at one revision. */
export type View = { readonly [T in TableName]: TableView<T> } & {
  /** Revision of the last commit that the view contains. */
  readonly revision: number;
};

/** A transaction reads its own writes; `revision` is the one that its commit will have. */
export type Transaction = { readonly [T in TableName]: TableWriter<T> } & {
  readonly revision: number;
};

/** One row's change in a commit. */
export type Change = {
  readonly [T in TableName]: {
    readonly table: T;
    readonly id: string;
    readonly before: Rows[T] | undefined;
    readonly after: Rows[T] | undefined;
  };
}[TableName];

export interface Commit {
  readonly revision: number;
  readonly changes: readonly Change[];
}
