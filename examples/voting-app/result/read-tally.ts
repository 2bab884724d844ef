import { DatabaseError } from 'pg';
import type { Pool } from 'pg';
import { tallyRows } from './tally.ts';
import type { CountRow, Tally } from './tally.ts';

/** https://www.postgresql.org/docs/15/errcodes-appendix.html */
const undefinedTable = '42P01';

/** Counts the votes in the database; rejects when it does not answer. */
export async function readTally(database: Pick<Pool, 'query'>): Promise<Tally> {
  try {
    const result = await database.query<CountRow>(
      'select vote, count(*) as count from votes group by vote',
    );
    return tallyRows(result.rows);
  } catch (error) {
    // The worker makes the table when it starts; until then nobody has voted.
    if (error instanceof DatabaseError && error.code === undefinedTable) return tallyRows([]);
    throw error;
  }
}
