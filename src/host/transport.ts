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
}

/** The manager's side: told of each session and each log stream. */
export interface ManagerTransportHandler {
  /** Resolves when the session is over. */
  onSession(session: MessageStream<ManagerMessage, AgentMessage>): Promise<void>;
  onLogs(requestId: string, stream: MessageStream<never, LogMessage>): Promise<void>;
}
