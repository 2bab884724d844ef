import type { StoreMember } from '../host/seat-host.ts';
import {
  judgeVoterChange,
  type Voter,
  type VoterChange,
  type VoterVerdict,
} from '../leadership/quorum.ts';
import type { ManagerSeat, Node, NodeRole } from '../model/node.ts';

/** A node that is ready to be a manager says where it will be found. */
export interface SeatRequest {
  readonly nodeId: string;
  readonly seat: ManagerSeat;
}

/** Who is a manager, who is to be one, and what the store engine knows of it. */
export interface ManagerSituation {
  /** The manager that leads, and looks. */
  readonly selfId: string;
  readonly nodes: Iterable<Pick<Node, 'id' | 'spec' | 'seat'>>;
  /** Undefined: the store is on SQLite, which has none. */
  readonly members: readonly StoreMember[] | undefined;
  readonly requests: readonly SeatRequest[];
  isReachable(nodeId: string): boolean;
}

/** One change; each is looked at again before it is made, and made once. */
export type ManagerChange =
  | { readonly kind: 'move-store' }
  | { readonly kind: 'add-learner'; readonly nodeId: string; readonly seat: ManagerSeat }
  | { readonly kind: 'give-vote'; readonly nodeId: string; readonly memberId: string }
  | { readonly kind: 'remove-member'; readonly nodeId: string; readonly memberId: string }
  | {
      readonly kind: 'move-member';
      readonly nodeId: string;
      readonly memberId: string;
      readonly peerUrl: string;
    }
  /** The row says where its manager is. */
  | { readonly kind: 'take-seat'; readonly nodeId: string; readonly seat: ManagerSeat }
  | { readonly kind: 'clear-seat'; readonly nodeId: string };

export interface ManagerPlan {
  /** The next one; undefined: there is none that could be made now. */
  readonly change: ManagerChange | undefined;
  /** What has to wait, by node, each with its reason. */
  readonly waits: ReadonlyMap<string, string>;
}

type Row = Pick<Node, 'id' | 'spec' | 'seat'>;
type Candidate = { readonly change: ManagerChange; readonly asks?: VoterChange };

/**
 * The next change of managers: from what was declared (the role of a row), what the store engine
 * has, and who is ready. What was interrupted shows in these three, and is taken up.
 */
export function planManagerChange(situation: ManagerSituation): ManagerPlan {
  const { members, requests, selfId } = situation;
  const rows = [...situation.nodes];
  const waits = new Map<string, string>();
  if (members === undefined) {
    const asker = requests.find(({ nodeId }) => nodeId !== selfId && isManager(rows, nodeId));
    return { change: asker === undefined ? undefined : { kind: 'move-store' }, waits };
  }
  const voters = votersOf(situation);
  const candidates = [
    ...departures(rows, situation, members),
    ...arrivals(rows, situation, members),
  ];
  for (const { change, asks } of candidates) {
    const verdict: VoterVerdict =
      asks === undefined ? { kind: 'allowed' } : judgeVoterChange(voters, asks);
    if (verdict.kind === 'allowed') return { change, waits };
    if ('nodeId' in change) waits.set(change.nodeId, verdict.message);
  }
  return { change: undefined, waits };
}

/** The voters of the store, by the nodes that they are beside; for `judgeVoterChange`. */
export function votersOf(situation: ManagerSituation): readonly Voter[] {
  const { selfId, members = [] } = situation;
  const rows = [...situation.nodes];
  return members.map((member) => {
    const nodeId = nodeOf(member, { rows, requests: situation.requests });
    const { isLearner, name } = member;
    // Its manager cannot read a learner's store, and so answers nobody yet: etcd itself says
    // whether it is in step, when it is to give it a vote.
    const isInStep = !isLearner || name !== '';
    const isReachable = isLearner || nodeId === selfId || situation.isReachable(nodeId);
    return { nodeId, isLearner, isReachable, isInStep };
  });
}

/** Members that nobody is to be beside any more, the leader's own last; then rows without one. */
function departures(
  rows: readonly Row[],
  situation: ManagerSituation,
  members: readonly StoreMember[],
): readonly Candidate[] {
  const { requests, selfId } = situation;
  const leaving = members
    .map((member) => ({ member, nodeId: nodeOf(member, { rows, requests }) }))
    .filter(({ nodeId }) => !isManager(rows, nodeId))
    .toSorted((one, other) => Number(one.nodeId === selfId) - Number(other.nodeId === selfId))
    .map(
      ({ member, nodeId }): Candidate => ({
        change: { kind: 'remove-member', nodeId, memberId: member.id },
        asks: { kind: 'remove', nodeId },
      }),
    );
  const cleared = rows
    .filter((row) => row.seat !== undefined && memberOf(row, members) === undefined)
    .map(({ id }): Candidate => ({ change: { kind: 'clear-seat', nodeId: id } }));
  return [...leaving, ...cleared];
}

/** Learners that get their vote, addresses that changed, then who is ready to become one. */
function arrivals(
  rows: readonly Row[],
  { requests }: ManagerSituation,
  members: readonly StoreMember[],
): readonly Candidate[] {
  const learners = rows.flatMap((row): readonly Candidate[] => {
    const member = row.seat === undefined ? undefined : memberOf(row, members);
    if (member?.isLearner !== true || row.spec.role !== 'manager') return [];
    const { id: nodeId } = row;
    const change = { kind: 'give-vote', nodeId, memberId: member.id } as const;
    return [{ change, asks: { kind: 'give-vote', nodeId } }];
  });
  const asked = requests
    .filter(({ nodeId }) => isManager(rows, nodeId))
    .flatMap((request) => {
      const row = rows.find(({ id }) => id === request.nodeId);
      return row === undefined ? [] : seatSteps(row, { request, members });
    });
  return [...learners, ...asked];
}

function seatSteps(
  row: Row,
  from: { readonly request: SeatRequest; readonly members: readonly StoreMember[] },
): readonly Candidate[] {
  const { request, members } = from;
  const { nodeId, seat } = request;
  const { address, peerUrl } = seat;
  if (row.seat?.address === address && row.seat.peerUrl === peerUrl) return [];
  const member = memberOf(row, members) ?? members.find((one) => one.peerUrl === peerUrl);
  if (member === undefined) {
    if (row.seat !== undefined) return [];
    return [{ change: { kind: 'add-learner', nodeId, seat }, asks: { kind: 'add', nodeId } }];
  }
  if (member.peerUrl === peerUrl) return [{ change: { kind: 'take-seat', nodeId, seat } }];
  return [{ change: { kind: 'move-member', nodeId, memberId: member.id, peerUrl } }];
}

function memberOf({ id, seat }: Row, members: readonly StoreMember[]): StoreMember | undefined {
  return (
    members.find(({ name }) => name === id) ??
    members.find(({ name, peerUrl }) => name === '' && peerUrl === seat?.peerUrl)
  );
}

/** The node of a member: by its name, else by where it is to be; else it is called by its id. */
function nodeOf(
  { id, name, peerUrl }: StoreMember,
  by: { readonly rows: readonly Row[]; readonly requests: readonly SeatRequest[] },
): string {
  if (name !== '') return name;
  const row = by.rows.find(({ seat }) => seat?.peerUrl === peerUrl);
  if (row !== undefined) return row.id;
  return by.requests.find(({ seat }) => seat.peerUrl === peerUrl)?.nodeId ?? `member ${id}`;
}

function isManager(rows: readonly Row[], nodeId: string): boolean {
  const role: NodeRole | undefined = rows.find(({ id }) => id === nodeId)?.spec.role;
  return role === 'manager';
}
