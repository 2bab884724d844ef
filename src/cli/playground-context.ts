import { type Command, Option } from 'commander';
import type { Playgrounds } from '../playground/playground.ts';
import type { CliContext } from './context.ts';
import type { ProgramHost } from './program-host.ts';
import { runCommand } from './run-command.ts';

/** A command that gets the playgrounds of this machine besides its context. */
export interface PlaygroundContext extends CliContext {
  readonly playgrounds: Playgrounds;
  /** Undefined where there is one playground at most, and no name was given. */
  readonly name: string | undefined;
}

/** Options of every command that is about one playground. */
export interface NameFlag {
  readonly name?: string;
}

/** Runs a command of `tutti playground` with its context. */
export function act(
  host: ProgramHost,
  call: {
    readonly command: Command;
    readonly action: (context: PlaygroundContext) => Promise<number>;
  },
): Promise<void> {
  const { name } = call.command.opts<NameFlag>();
  return runCommand(host, {
    command: call.command,
    action: async (context) =>
      call.action({ ...context, name, playgrounds: await host.openPlaygrounds() }),
  });
}

/** Which playground a command is about. */
export function nameOption(): Option {
  return new Option('--name <name>', 'of the playground; default: the only one there is');
}
