import { type Command, Option } from 'commander';
import { ApiClient } from '../client/api-client.ts';
import { parseDurationMs } from '../compose/units.ts';
import { TuttiError } from '../lib/error.ts';
import type { CliContext } from './context.ts';
import type { ProgramHost } from './program-host.ts';

const defaultSocket = '/run/tutti.sock';

/** The socket that was named, by an option or in the environment. */
export function socketOf(
  options: { readonly socket?: string },
  { environment }: Pick<ProgramHost, 'environment'>,
): string {
  return options.socket ?? environment['TUTTI_SOCKET'] ?? defaultSocket;
}

/** Runs a command with its context; its exit code goes to the host. */
export function runCommand(
  host: ProgramHost,
  call: {
    readonly command: Command;
    readonly action: (context: CliContext) => Promise<number>;
  },
): Promise<void> {
  const options = call.command.optsWithGlobals<{ socket?: string; json?: boolean }>();
  const context: CliContext = {
    client: new ApiClient(socketOf(options, host)),
    output: host.output,
    json: options.json === true,
    signal: host.signal,
  };
  return call.action(context).then((exitCode) => host.finish(exitCode));
}

/** Longer than that the timers of the system cannot wait. */
const longestMs = 24 * 86_400_000;

/** An option that takes a duration such as `30s`. */
export function durationOption(
  flags: string,
  about: { readonly description: string; readonly defaultMs: number; readonly shown: string },
): Option {
  const name = /--[a-z-]+/.exec(flags)?.[0] ?? flags;
  return new Option(flags, about.description)
    .default(about.defaultMs, about.shown)
    .argParser((text) => {
      const parsed = parseDurationMs(text);
      if (parsed !== undefined && parsed <= longestMs) return parsed;
      throw new TuttiError(
        'invalid-argument',
        `${name}: expected a duration such as 30s or 5m, at most 24d, found "${text}"`,
        { field: name },
      );
    });
}
