import type { ProgramRun } from '../host/playground-machine.ts';

/** A program on a host; `sleep` and `ip` need less of it than `dockerd` does. */
export function onHost(firstPid: number, call: ProgramRun): ProgramRun {
  const enter = ['--net', '--mount', '--uts', '--pid'];
  return inNamespaces({ pid: firstPid, enter }, call);
}

/** The same, for what outlives whoever starts it: the host's first process adopts it. */
export function leftOnHost(firstPid: number, call: ProgramRun): ProgramRun {
  const apart = ['--fork', call.program, ...call.parameters];
  return onHost(firstPid, { ...call, program: 'setsid', parameters: apart });
}

/** A program with the network of a host or of the fabric, and all else of this machine. */
export function onNetwork(pid: number, call: ProgramRun): ProgramRun {
  return inNamespaces({ pid, enter: ['--net'] }, call);
}

function inNamespaces(
  { pid, enter }: { readonly pid: number; readonly enter: readonly string[] },
  call: ProgramRun,
): ProgramRun {
  const parameters = [`--target=${pid}`, ...enter, '--', call.program, ...call.parameters];
  return { ...call, program: 'nsenter', parameters };
}
