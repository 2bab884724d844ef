import type { PlaygroundMachine } from '../host/playground-machine.ts';
import { TuttiError } from '../lib/error.ts';
import { removeCgroups } from './cgroups.ts';
import { machineLink } from './fabric.ts';
import { lookAt } from './host-changes.ts';
import { dataRoot, placesOf, runRoot } from './places.ts';
import { until } from './programs.ts';
import type { PlaygroundState } from './state.ts';

const endLimitMs = 30_000;

/**
 * Removes everything that may be there of a playground, however far it was made or removed before:
 * processes first, with which go namespaces, mounts, links and rules; files last.
 */
export async function removePlayground(
  machine: PlaygroundMachine,
  state: PlaygroundState,
): Promise<void> {
  await endProcesses(machine, state);
  // The kernel would take it away too, some time later.
  await machine.run({ program: 'ip', parameters: ['link', 'delete', machineLink(state)] });
  const left = await removeCgroups(machine, state);
  if (left.length > 0) {
    throw new TuttiError('internal', `cgroups are still in use: ${left.join(', ')}`, {
      hint: 'Run tutti playground down again.',
    });
  }
  await removeFiles(machine, state.name);
}

/** What has no state has nothing but directories. */
export async function removeFiles(machine: PlaygroundMachine, name: string): Promise<void> {
  const { dataDirectory, runDirectory, stateFile } = placesOf(name);
  await machine.removeTree(runDirectory);
  await machine.removeEmptyDirectory(runRoot);
  // As long as anything else is there, so is the state.
  for (const entry of await machine.listDirectory(dataDirectory)) {
    const path = `${dataDirectory}/${entry}`;
    if (path !== stateFile) await machine.removeTree(path);
  }
  await machine.removeTree(dataDirectory);
  await machine.removeEmptyDirectory(dataRoot);
}

async function endProcesses(machine: PlaygroundMachine, state: PlaygroundState): Promise<void> {
  const look = () => lookAt(machine, state);
  // With the first process of a host go all that are on it, marked or not; whoever started it waits
  // for its end, and must live until then.
  const firsts = [...look().hosts.values()].map(({ first }) => first.pid);
  for (const pid of firsts) machine.signal(pid, 'SIGKILL');
  await until(machine, {
    look: () => (firsts.some((pid) => machine.hasProcess(pid)) ? undefined : true),
    limitMs: endLimitMs,
    late: () => `hosts do not end: processes ${firsts.join(', ')}`,
  });
  await until(machine, {
    look: () => {
      const { marked } = look();
      for (const { pid } of marked) machine.signal(pid, 'SIGKILL');
      return marked.length === 0 ? true : undefined;
    },
    limitMs: endLimitMs,
    late: () =>
      `processes do not end: ${look()
        .marked.map(({ pid }) => pid)
        .join(', ')}`,
  });
}
