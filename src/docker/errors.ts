import { type ErrorCode, TuttiError } from '../lib/error.ts';
import { dockerField } from './field-names.ts';

interface Wording {
  readonly status: number;
  /** The gRPC code that Swarm's own answers carry; clients look for these words. */
  readonly grpc: string;
}

/** Error code to HTTP status: the one table of this dialect (moby api/server/httpstatus). */
const wordings: Readonly<Record<ErrorCode, Wording>> = {
  'invalid-argument': { status: 400, grpc: 'InvalidArgument' },
  'not-found': { status: 404, grpc: 'NotFound' },
  'already-exists': { status: 409, grpc: 'AlreadyExists' },
  conflict: { status: 409, grpc: 'Unknown' },
  'failed-precondition': { status: 400, grpc: 'FailedPrecondition' },
  'resource-exhausted': { status: 507, grpc: 'ResourceExhausted' },
  'permission-denied': { status: 403, grpc: 'PermissionDenied' },
  unauthenticated: { status: 401, grpc: 'Unauthenticated' },
  unimplemented: { status: 501, grpc: 'Unimplemented' },
  unavailable: { status: 503, grpc: 'Unavailable' },
  cancelled: { status: 499, grpc: 'Canceled' },
  internal: { status: 500, grpc: 'Internal' },
};

export function statusOf(error: TuttiError): number {
  // A body that is too large is the client's to change; a full disk is not.
  if (error.code === 'resource-exhausted' && error.field === 'body') return 413;
  return wordings[error.code].status;
}

/** One sentence that names the field; what to do follows where there is something to do. */
export function sentenceOf(error: TuttiError): string {
  const { field, hint, message } = error;
  const named =
    field === undefined || message.toLowerCase().includes(lastName(field))
      ? message
      : `${field}: ${message}`;
  return hint === undefined ? named : `${named}${/[.!?]$/.test(named) ? '' : '.'} ${hint}`;
}

function lastName(field: string): string {
  return (field.split('.').at(-1) ?? field).replace(/\[\d+\]$/, '').toLowerCase();
}

/**
 * A refusal in the shape in which Swarm's managers answer: clients and scripts look for these
 * words.
 */
export function swarmError(code: ErrorCode, description: string): TuttiError {
  return new TuttiError(code, `rpc error: code = ${wordings[code].grpc} desc = ${description}`);
}

/** Sentences that are Swarm's own, word for word: nothing is put before or behind them. */
const swarmSentences: readonly RegExp[] = [
  /already exists$/,
  /^(secret|config) '.*' is in use by the following services?: /,
  /^port '\d+' is already in use by service /,
  /^network .* is in use by (service|task)/,
  /^attempting to demote the last manager of the swarm$/,
  /^node .* is a cluster manager and is a member of the raft cluster/,
  /^node .* is not down and can't be removed$/,
  /^name must be /,
  /^service mode change is not allowed$/,
  /only updates to Labels are allowed$/,
];

/**
 * Runs a write of the control plane; its refusals come out as Swarm would word them. `reword` may
 * say a known refusal in Swarm's own sentence.
 */
export async function asSwarm<T>(
  write: () => Promise<T>,
  reword: (error: TuttiError) => string | undefined = () => undefined,
): Promise<T> {
  try {
    return await write();
  } catch (reason) {
    const error = TuttiError.from(reason);
    if (error.code === 'internal' || error.code === 'cancelled') throw error;
    if (error.code === 'conflict') throw swarmError('conflict', 'update out of sequence');
    throw swarmError(error.code, reword(error) ?? swarmSentence(error));
  }
}

function swarmSentence(error: TuttiError): string {
  const isSwarms = swarmSentences.some((sentence) => sentence.test(error.message));
  return isSwarms ? error.message : sentenceOf(inDockersWords(error));
}

/** The control plane names fields of the model; who wrote a document of Docker's knows others. */
function inDockersWords(error: TuttiError): TuttiError {
  const { code, field, hint, message } = error;
  if (field === undefined) return error;
  const known = dockerField(field);
  // A single word may be one of the sentence.
  const told = field.includes('.') ? message.replaceAll(field, known) : message;
  return new TuttiError(code, told, {
    field: known,
    ...(hint === undefined ? {} : { hint }),
  });
}
