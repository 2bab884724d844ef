import type { NodeIdentity } from '../host/node-identity.ts';
import type { AgentTransport } from '../host/transport.ts';
import type { KnownManager } from '../model/known-manager.ts';
import type { NodeDescription } from '../model/node.ts';
import type { OwnAddress } from '../model/own-address.ts';
import type { WireRefusal } from '../wire/authority-calls.ts';
import type { JoinWorld } from './join-attempt.ts';

/** A transport that can be given up. */
export interface ClosableTransport extends AgentTransport {
  /** From the next connection on. */
  useManagers?(managers: readonly KnownManager[]): void;
  /** Ends all streams. */
  close(): void;
}

export interface MembershipOptions extends JoinWorld {
  /** To the manager of this machine. */
  readonly localTransport: AgentTransport;
  /** To the managers of the cluster that the node joined. */
  openTransport(
    identity: NodeIdentity,
    onRefused: (refusal: WireRefusal) => void,
  ): ClosableTransport;
  /** Of this machine, as they are now; absent: they never change. */
  ownAddresses?(): readonly OwnAddress[];
  /** Where a person says that this node is found, whatever addresses it has. */
  advertiseAddress?(): Promise<string | undefined>;
  /** The id that the agent goes by. */
  nodeId(): string;
  describe(signal: AbortSignal): Promise<NodeDescription>;
  /** Removes everything of the cluster from this machine; calls `forget` on its way. */
  leaveAgent(signal: AbortSignal): Promise<void>;
}
