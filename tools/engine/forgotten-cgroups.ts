import { LinuxPlaygroundMachine } from '../../src/os/playground-machine.ts';
import { removeCgroups } from '../../src/playground/cgroups.ts';
import { idVariable } from '../../src/playground/processes.ts';

const root = '/sys/fs/cgroup';
const prefix = 'tutti-playground-';

/**
 * Removes cgroups of playgrounds of which no process runs. Where a host of its own was killed with
 * a playground on it, nothing else is left: cgroups belong to the machine.
 */
export async function removeForgottenCgroups(): Promise<void> {
  const machine = new LinuxPlaygroundMachine({ entry: '' });
  const hierarchies = ['', ...(await machine.listDirectory(root)).map((name) => `/${name}`)];
  const names = await Promise.all(
    hierarchies.map((hierarchy) => machine.listDirectory(`${root}${hierarchy}`)),
  );
  const ids = names.flat().flatMap((name) => {
    return name.startsWith(prefix) ? [name.slice(prefix.length)] : [];
  });
  const running = new Set(
    machine.listProcesses([idVariable]).map(({ environment }) => environment[idVariable]),
  );
  for (const id of new Set(ids)) if (!running.has(id)) await removeCgroups(machine, { id });
}
