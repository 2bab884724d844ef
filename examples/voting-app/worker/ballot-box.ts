import type { Vote } from '../shared/vote.ts';

/** The part of a `pg` pool that is used here. */
export interface Database {
  query(statement: string, values?: unknown[]): Promise<unknown>;
}

/** The table of votes: one row a voter. */
export class BallotBox {
  readonly #database: Database;
  #isPrepared = false;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Writes votes in one transaction; a vote that is older than the voter's row changes nothing. */
  async record(votes: readonly Vote[]): Promise<void> {
    try {
      await this.prepare();
      await this.#database.query(upsert, [
        votes.map(({ voterId }) => voterId),
        votes.map(({ choice }) => choice),
        votes.map(({ castAtMs }) => castAtMs),
      ]);
    } catch (error) {
      // The database may have come back empty: look again before the next try.
      this.#isPrepared = false;
      throw error;
    }
  }

  /** Makes the table where there is none. */
  async prepare(): Promise<void> {
    if (this.#isPrepared) return;
    await this.#database.query(createTable);
    // A table that another implementation made has no times.
    await this.#database.query(addTimes);
    this.#isPrepared = true;
  }
}

const createTable = `create table if not exists votes (
  id varchar(255) primary key,
  vote varchar(255) not null,
  cast_at bigint not null default 0
)`;

const addTimes = 'alter table votes add column if not exists cast_at bigint not null default 0';

const upsert = `insert into votes (id, vote, cast_at)
select * from unnest($1::text[], $2::text[], $3::bigint[])
on conflict (id) do update set vote = excluded.vote, cast_at = excluded.cast_at
where votes.cast_at <= excluded.cast_at`;
