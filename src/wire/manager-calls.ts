import { TuttiError } from '../lib/error.ts';
import { formatHostPort } from '../lib/host-port.ts';

/** Where members of the store listen for each other. */
export const peerPort = 2380;

/** `https://192.0.2.1:2380` */
export function peerUrlOf(host: string): string {
  return `https://${formatHostPort({ host, port: peerPort })}`;
}

/** `manager.member`; `nodeId`: the node that a manager passes it on for. */
export type MemberCall = { readonly nodeId?: string } & (
  | {
      /** The node is ready to be a manager, or is one and found at another address. */
      readonly step: 'ready';
      /** `host:port` of its cluster port. */
      readonly address: string;
      readonly peerUrl: string;
    }
  | { readonly step: 'leaving' }
);

export type MemberAnswer =
  | { readonly kind: 'waiting'; readonly why: string }
  | {
      readonly kind: 'seated';
      readonly clusterId: string;
      readonly firstMembers: readonly { readonly name: string; readonly peerUrl: string }[];
    };

/** @throws TuttiError `invalid-argument`, naming the field. */
export function parseMemberCall(value: unknown): MemberCall {
  const call = fields(value);
  const { step, nodeId, address, peerUrl } = call;
  if (nodeId !== undefined && typeof nodeId !== 'string') throw malformed('nodeId');
  if (step === 'leaving') return value as MemberCall;
  if (step !== 'ready') throw malformed('step');
  if (typeof address !== 'string' || address === '') throw malformed('address');
  if (typeof peerUrl !== 'string' || !URL.canParse(peerUrl)) throw malformed('peerUrl');
  return value as MemberCall;
}

/** @throws TuttiError `invalid-argument`, naming the field. */
export function parseMemberAnswer(value: unknown): MemberAnswer {
  const answer = fields(value);
  if (answer['kind'] === 'waiting') {
    if (typeof answer['why'] !== 'string') throw malformed('why');
    return value as MemberAnswer;
  }
  if (answer['kind'] !== 'seated') throw malformed('kind');
  if (typeof answer['clusterId'] !== 'string') throw malformed('clusterId');
  const { firstMembers } = answer;
  if (!Array.isArray(firstMembers) || !firstMembers.every(isFirstMember)) {
    throw malformed('firstMembers');
  }
  return value as MemberAnswer;
}

/** The answer to `manager.sealing-key`: 32 bytes in base64. @throws TuttiError */
export function parseSealingKey(value: unknown): string {
  const { sealingKey } = fields(value);
  if (typeof sealingKey === 'string' && /^[A-Za-z0-9+/]{43}=$/.test(sealingKey)) return sealingKey;
  throw malformed('sealingKey');
}

/** `manager.left`: which node it was. @throws TuttiError `invalid-argument`, naming the field. */
export function parseLeftCall(value: unknown): { readonly nodeId: string } {
  const { nodeId } = fields(value);
  if (typeof nodeId === 'string' && nodeId !== '') return { nodeId };
  throw malformed('nodeId');
}

function isFirstMember(value: unknown): boolean {
  const { name, peerUrl } = fields(value);
  return typeof name === 'string' && typeof peerUrl === 'string' && URL.canParse(peerUrl);
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new TuttiError('invalid-argument', 'what managers say to each other is a JSON object');
}

function malformed(field: string): TuttiError {
  return new TuttiError('invalid-argument', `the field ${field} is missing or malformed`, {
    field,
  });
}
