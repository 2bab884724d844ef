import { TuttiError } from '../lib/error.ts';
import type { EtcdCompare } from './etcd-messages.ts';

/** Digits of a row's number in its key; to base 36 they hold every safe integer. */
const numberDigits = 11;

/** The keys of one store in etcd; see docs/design/etcd.md, Keys. */
export class EtcdKeys {
  readonly prefix: string;
  /** Behind all keys of the store. */
  readonly end: string;
  readonly layout: string;
  readonly epoch: string;
  readonly holder: string;
  readonly revision: string;
  readonly schemaVersion: string;
  readonly pending: string;
  readonly parts: string;
  readonly partsEnd: string;
  readonly rows: string;
  readonly rowsEnd: string;

  constructor(prefix = 'tutti/') {
    this.prefix = prefix;
    this.end = behind(prefix);
    this.layout = `${prefix}layout`;
    this.epoch = `${prefix}epoch`;
    this.holder = `${prefix}holder`;
    this.revision = `${prefix}revision`;
    this.schemaVersion = `${prefix}schema-version`;
    this.pending = `${prefix}pending`;
    this.parts = `${prefix}parts/`;
    this.partsEnd = behind(this.parts);
    this.rows = `${prefix}rows/`;
    this.rowsEnd = behind(this.rows);
  }

  row({ number, table, id }: RowPlace): string {
    return `${this.rows}${number.toString(36).padStart(numberDigits, '0')}/${table}/${id}`;
  }

  /** @throws TuttiError `failed-precondition` where it is no key of a row. */
  readRow(key: string): RowPlace {
    const numberEnd = this.rows.length + numberDigits;
    const tableEnd = key.indexOf('/', numberEnd + 1);
    const number = Number.parseInt(key.slice(this.rows.length, numberEnd), 36);
    if (!key.startsWith(this.rows) || !Number.isSafeInteger(number) || tableEnd < 0) {
      throw damaged(`it has the key ${JSON.stringify(key)}`);
    }
    return { number, table: key.slice(numberEnd + 1, tableEnd), id: key.slice(tableEnd + 1) };
  }

  part(revision: number, index: number): string {
    return `${this.parts}${revision}/${String(index).padStart(6, '0')}`;
  }
}

/** Numbers rise in the order in which rows arrived. */
export interface RowPlace {
  readonly number: number;
  readonly table: string;
  readonly id: string;
}

/** Holds while the key's number is that one; a number that was never written is 0. */
export function equals(key: string, value: number): EtcdCompare {
  if (value === 0) return { kind: 'absent', key };
  return { kind: 'value', key, value: String(value) };
}

export function damaged(what: string): TuttiError {
  return new TuttiError('failed-precondition', `the store in etcd is damaged: ${what}`, {
    hint: 'Restore the cluster from a backup.',
  });
}

/** The first key behind all that begin with this text, which ends in ASCII. */
function behind(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
