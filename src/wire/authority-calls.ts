import { TuttiError } from '../lib/error.ts';
import type { KnownManager } from '../model/known-manager.ts';
import type { NodeAvailability, NodeDescription, NodeRole } from '../model/node.ts';
import { isDescription } from './parse.ts';

/*
 * What a node and a manager say to each other besides their session: one JSON document each way,
 * see docs/design/joining.md.
 */

/** No document of these is longer; a stranger's is read no further. */
export const callLimitBytes = 64 * 1024;

/** What a peer that is not let in is told. */
export interface WireRefusal {
  readonly kind: 'refused';
  /** A code of src/ca/refusal.ts. */
  readonly reason: string;
  readonly message: string;
  readonly hint: string;
}

/** The answer to `authority.root`. */
export interface RootAnswer {
  /** PEM, byte by byte what tokens pin. */
  readonly certificate: string;
  /** The manager's clock. */
  readonly now: number;
}

/** `authority.join` */
export interface JoinCall {
  readonly token: string;
  readonly nodeId: string;
  /** PKCS #10 in PEM. */
  readonly request: string;
  /** That the request was made for this connection (src/os/tls-binding.ts). */
  readonly proof: string;
  readonly availability: NodeAvailability;
  readonly description: NodeDescription;
  /** Absent from nodes of older versions, which are no managers. */
  readonly candidate?: ManagerCandidate;
}

/** What a joiner says of itself in case that its token is a manager's. */
export interface ManagerCandidate {
  /** An IP address that it chose; else it is the one that the manager sees. */
  readonly address?: string;
  /** What keeps its machine from being a manager's, in a sentence; absent: nothing. */
  readonly obstacle?: string;
}

/** `authority.renew` */
export interface RenewCall {
  readonly request: string;
  readonly proof: string;
  /** The IP address by which the node is known, for the certificate of a manager. */
  readonly address?: string;
}

/** A certificate, and what the node has to know to use it. */
export interface CertificateAnswer {
  readonly kind: 'accepted';
  readonly nodeId: string;
  readonly role: NodeRole;
  readonly clusterId: string;
  /** The certificate and what leads from older roots to its own. PEM. */
  readonly certificate: string;
  /** Roots to believe, the signing one first. PEM. */
  readonly roots: readonly string[];
  readonly managers: readonly KnownManager[];
  /** The address that the node has as the manager sees it. */
  readonly address: string;
  /** Sentences about what is not as it should be, though it works. */
  readonly warnings: readonly string[];
}

/** @throws TuttiError `invalid-argument`, naming the field. */
export function parseJoinCall(value: unknown): JoinCall {
  const call = fields(value, 'a join');
  for (const name of ['token', 'nodeId', 'request', 'proof'] as const) text(call, name);
  if (!/^[0-9a-z]{1,64}$/.test(String(call['nodeId']))) throw malformed('nodeId');
  const { availability } = call;
  if (!['active', 'pause', 'drain'].includes(String(availability))) throw malformed('availability');
  if (!isDescription(call['description'])) throw malformed('description');
  const { candidate } = call;
  if (candidate !== undefined) {
    const { address, obstacle } = fields(candidate, 'a candidate');
    if (!isOptionalText(address) || !isOptionalText(obstacle)) throw malformed('candidate');
  }
  return value as JoinCall;
}

/** @throws TuttiError `invalid-argument`, naming the field. */
export function parseRenewCall(value: unknown): RenewCall {
  const call = fields(value, 'a renewal');
  for (const name of ['request', 'proof'] as const) text(call, name);
  if (!isOptionalText(call['address'])) throw malformed('address');
  return value as RenewCall;
}

/** @throws TuttiError `invalid-argument`, naming the field. */
export function parseRootAnswer(value: unknown): RootAnswer {
  const answer = fields(value, 'a root');
  text(answer, 'certificate');
  if (typeof answer['now'] !== 'number') throw malformed('now');
  return value as RootAnswer;
}

/** @throws TuttiError `invalid-argument`, naming the field. */
export function parseCertificateAnswer(value: unknown): CertificateAnswer {
  const answer = fields(value, 'a certificate');
  for (const name of ['nodeId', 'clusterId', 'certificate', 'address'] as const) text(answer, name);
  if (!['worker', 'manager'].includes(String(answer['role']))) throw malformed('role');
  for (const name of ['roots', 'warnings'] as const) {
    const list = answer[name];
    if (!Array.isArray(list) || !list.every((one) => typeof one === 'string')) {
      throw malformed(name);
    }
  }
  const { managers } = answer;
  if (!Array.isArray(managers) || !managers.every(isKnownManager)) throw malformed('managers');
  return value as CertificateAnswer;
}

/** Undefined where the value is no refusal. */
export function readRefusal(value: unknown): WireRefusal | undefined {
  if (!isFields(value)) return undefined;
  const isWhole = ['reason', 'message', 'hint'].every((name) => typeof value[name] === 'string');
  return isWhole ? ({ ...value, kind: 'refused' } as WireRefusal) : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function isKnownManager(value: unknown): boolean {
  return (
    isFields(value) && typeof value['nodeId'] === 'string' && typeof value['address'] === 'string'
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fields(value: unknown, what: string): Fields {
  if (isFields(value)) return value;
  throw new TuttiError('invalid-argument', `${what} must be a JSON object`);
}

function text(from: Fields, name: string): void {
  const value = from[name];
  if (typeof value !== 'string' || value === '') throw malformed(name);
}

function isOptionalText(value: unknown): boolean {
  return value === undefined || (typeof value === 'string' && value !== '');
}

function malformed(field: string): TuttiError {
  return new TuttiError('invalid-argument', `the field ${field} is missing or malformed`, {
    field,
  });
}
