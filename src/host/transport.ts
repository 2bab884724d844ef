import type { HostPort } from '../lib/host-port.ts';
import type { NodeRole } from '../model/node.ts';
import type { AgentMessage, LogMessage, ManagerMessage } from '../wire/messages.ts';

/** An ordered stream of messages with back-pressure: `send` waits while the other side is slow. */
export interface MessageStream<Outgoing, Incoming> {
  send(message: Outgoing): Promise<void>;
  /** Ends when the other side closes; throws `unavailable` when the link breaks. */
  readonly incoming: AsyncIterable<Incoming>;
  close(): void;
}

/** The agent's way to a manager. */
export interface AgentTransport {
  openSession(signal: AbortSignal): Promise<MessageStream<AgentMessage, ManagerMessage>>;
  openLogs(requestId: string, signal: AbortSignal): Promise<MessageStream<LogMessage, never>>;
  /** Of the manager at the other end of the last session; absent where it is on this machine. */
  managerAddress?(): HostPort | undefined;
}

/** Who is at the other end of a link, by its certificate. */
export interface SessionPeer {
  readonly nodeId: string;
  /** As its connection shows it. */
  readonly address: string;
  /** The root that signed its certificate. */
  readonly rootId: string;
  /** Of its certificate; undefined: nobody says. */
  readonly role?: NodeRole;
}

/** The manager's side: told of each session and each log stream. */
export interface ManagerTransportHandler {
  /**
   * Resolves when the session is over. Without a peer it comes over a socket of this machine that
   * only root may open.
   */
  onSession(
    session: MessageStream<ManagerMessage, AgentMessage>,
    peer?: SessionPeer,
  ): Promise<void>;
  onLogs(
    requestId: string,
    stream: MessageStream<never, LogMessage>,
    peer?: SessionPeer,
  ): Promise<void>;
}
