import { TuttiError } from '../lib/error.ts';

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const resultCodes = {
  permission: 3,
  busy: 5,
  locked: 6,
  readOnly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

/** The primary result code of an error of SQLite; 0 for any other error. */
function resultCode(reason: unknown): number {
  if (!(reason instanceof Error) || !('errcode' in reason)) return 0;
  return typeof reason.errcode === 'number' ? reason.errcode & 0xff : 0;
}

export function isDiskFull(reason: unknown): boolean {
  return resultCode(reason) === resultCodes.full;
}

/** What SQLite says, as a sentence that names the file and what to do. */
export function sqliteError(reason: unknown, path: string): TuttiError {
  if (reason instanceof TuttiError) return reason;
  const options = { cause: reason };
  switch (resultCode(reason)) {
    case resultCodes.busy:
    case resultCodes.locked:
      return new TuttiError('unavailable', `the store ${path} is in use by another process`, {
        hint: 'Stop the other tutti manager that runs on this data directory.',
        ...options,
      });
    case resultCodes.corrupt:
    case resultCodes.notADatabase:
      return new TuttiError('failed-precondition', `the store ${path} is damaged`, {
        hint: 'Restore the data directory from a backup.',
        ...options,
      });
    case resultCodes.full:
      return new TuttiError('resource-exhausted', `the disk of the store ${path} is full`, {
        hint: 'Free some space and try again.',
        ...options,
      });
    case resultCodes.permission:
    case resultCodes.readOnly:
    case resultCodes.cannotOpen:
      return new TuttiError(
        'permission-denied',
        `the store ${path} cannot be opened for writing: ${TuttiError.from(reason).message}`,
        {
          hint: 'Check that it is a file, and who may write to it and to its directory.',
          ...options,
        },
      );
    case resultCodes.io:
      return new TuttiError(
        'unavailable',
        `the store ${path} cannot be read or written: ${TuttiError.from(reason).message}`,
        { hint: 'Look at the kernel log for errors of the disk.', ...options },
      );
    default:
      return TuttiError.from(reason);
  }
}
