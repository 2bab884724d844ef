import { readFileSync } from 'node:fs';

/** A command that both refuse in other words, or that Tutti alone refuses. */
export interface Refusal {
  readonly reason: string;
  /** A part of the command that no other has. */
  readonly command: string;
  /**
   * What Swarm says (masked) behind `Error response from daemon:`; null: it accepts the command.
   */
  readonly swarm: string | null;
  readonly tutti: string;
  /** The versions of the docker client that show it; absent: all. */
  readonly clients?: string;
}

interface Group {
  readonly reason: string;
  readonly commands: readonly Omit<Refusal, 'reason'>[];
}

/** Those that one client can show. */
export function refusalsFor(clientVersion: string): readonly Refusal[] {
  const file = new URL('refusals.json', import.meta.url);
  const groups = JSON.parse(readFileSync(file, 'utf8')) as readonly Group[];
  return groups
    .flatMap(({ reason, commands }) => commands.map((command) => ({ reason, ...command })))
    .filter(({ clients }) => clients === undefined || clientVersion.startsWith(clients));
}
