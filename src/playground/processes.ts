import type { MachineProcess } from '../host/playground-machine.ts';

/** In the environment of every process of a playground: its id, and its host. */
export const idVariable = 'TUTTI_PLAYGROUND_ID';
export const hostVariable = 'TUTTI_PLAYGROUND_HOST';
export const marks = [idVariable, hostVariable] as const;
/** What holds the fabric has this for a host: no host is called so. */
export const fabricMark = '';

export const parts = ['daemon', 'manager', 'etcd', 'engine', 'containerd'] as const;
/** What runs on a host. */
export type HostPart = (typeof parts)[number];

/** What runs of a host; nothing of it is remembered, all of it looked up. */
export interface HostProcesses {
  /** Its first process: it ends, and the host is without power. */
  readonly first: MachineProcess;
  readonly parts: Readonly<Partial<Record<HostPart, MachineProcess>>>;
}

/** What runs of a playground. */
export interface PlaygroundProcesses {
  /** All that carry its mark. */
  readonly marked: readonly MachineProcess[];
  readonly fabric: MachineProcess | undefined;
  readonly hosts: ReadonlyMap<string, HostProcesses>;
}

/**
 * Sorts processes of a machine.
 *
 * @param ownPidNamespace Of who asks: hosts have others.
 */
export function findPlayground(
  processes: readonly MachineProcess[],
  { id, ownPidNamespace }: { readonly id: string; readonly ownPidNamespace: string | undefined },
): PlaygroundProcesses {
  const marked = processes.filter((one) => one.environment[idVariable] === id);
  const outside = new Set(
    marked.filter((one) => one.pidNamespace === ownPidNamespace).map(({ pid }) => pid),
  );
  // What makes a namespace on a host has its parent there.
  const firsts = marked.filter(
    (one) => one.innerPid === 1 && isHost(one) && outside.has(one.parentPid),
  );
  const hosts = firsts.map((first): [string, HostProcesses] => {
    const inside = processes.filter((one) => one.pidNamespace === first.pidNamespace);
    const found = parts.flatMap((part) => {
      const process = inside.find((one) => partOf(one) === part);
      return process === undefined ? [] : [[part, process] as const];
    });
    return [first.environment[hostVariable] ?? '', { first, parts: Object.fromEntries(found) }];
  });
  return {
    marked,
    fabric: marked.find((one) => !isHost(one) && one.pidNamespace === ownPidNamespace),
    hosts: new Map(hosts),
  };
}

function isHost(process: MachineProcess): boolean {
  return process.environment[hostVariable] !== fabricMark;
}

/** Which part of a host a process is, by its command line. */
function partOf({ words }: Pick<MachineProcess, 'words'>): HostPart | undefined {
  const [path = ''] = words;
  const program = path.split('/').at(-1);
  if (program === 'dockerd') return 'engine';
  if (program === 'containerd') return 'containerd';
  if (program === 'etcd') return 'etcd';
  if (isLauncher({ words })) return undefined;
  // `node … main.ts daemon --data-dir DIR`, `node … main.ts manager DIR`
  const entry = words.findIndex((word) => /\/main\.[cm]?[jt]s$/.test(word));
  const role = entry < 0 ? undefined : words[entry + 1];
  return role === 'daemon' || role === 'manager' ? role : undefined;
}

/** Whether a process is about to become what it starts on a host. */
export function isLauncher({ words }: Pick<MachineProcess, 'words'>): boolean {
  const [program, first] = words;
  return (
    (program === 'setsid' && first === '--fork') ||
    (program === 'nsenter' && words.includes('setsid'))
  );
}

/** A process and all below it, the lower after the higher. */
export function treeOf(
  root: number,
  processes: readonly MachineProcess[],
): readonly MachineProcess[] {
  const children = Map.groupBy(processes, ({ parentPid }) => parentPid);
  const below = (pid: number): readonly MachineProcess[] =>
    (children.get(pid) ?? []).flatMap((one) => [one, ...below(one.pid)]);
  return [...processes.filter(({ pid }) => pid === root), ...below(root)];
}
