/**
 * Where Tutti says something else than Docker Swarm on purpose. Each is taken out of the (masked)
 * output before it is compared, and each must still occur: what no longer differs does not stay.
 */
export interface Difference {
  readonly reason: string;
  /** The commands that it concerns. */
  readonly commands: RegExp;
  /** The versions of the docker client that show it; absent: all. */
  readonly clients?: RegExp;
  readonly stream: 'stdout' | 'stderr';
  /** What only Swarm says. */
  readonly swarm?: RegExp;
  /** What only Tutti says. */
  readonly tutti?: RegExp;
}

const differences: readonly Difference[] = [
  {
    reason: 'Tutti is a component of its own beside the container engine.',
    commands: /^docker version$/,
    stream: 'stdout',
    tutti: /^ Tutti:\n(?: {2}.*\n?){3}/m,
  },
  {
    reason: 'Each side has an engine of its own, with its own directory and images.',
    commands: /^docker info$/,
    stream: 'stdout',
    swarm: /^ Images: \d+\n|^ Docker Root Dir: .*\n/gm,
    tutti: /^ Images: \d+\n|^ Docker Root Dir: .*\n/gm,
  },
  {
    reason: 'Swarm forbids live-restore, which Tutti recommends.',
    commands: /^docker info$/,
    stream: 'stdout',
    swarm: /^ Live Restore Enabled: false$/m,
    tutti: /^ Live Restore Enabled: true$/m,
  },
  {
    reason: 'This client names the default address pool itself; that it was named is not kept.',
    commands: /^docker info$/,
    clients: /^20\./,
    stream: 'stdout',
    swarm: /^ {2}Default Address Pool: <address>\/8\n {2}SubnetSize: 24\n/m,
  },
  {
    reason:
      "Swarm writes objects again when its allocator has filled them in, and the node's state with " +
      'them; Tutti writes an object once and keeps observations out of the store.',
    commands: /^docker events .* scope=swarm$/,
    stream: 'stdout',
    swarm: /^<time> (?:network|node) update <id> \(name=\w+(?:, state\.\w+=\w+)*\)\n/gm,
    tutti: /^<time> node update <id> \(name=vm\)\n/gm,
  },
  {
    reason: "Swarm's daemon listens to its cluster only after the first objects were made.",
    commands: /^docker events .* scope=swarm$/,
    stream: 'stdout',
    tutti: /^<time> (?:node create <id> \(name=vm\)|network create <id> \(name=ingress\))\n/gm,
  },
  {
    reason: 'Tutti says which constraint is wrong, how, and what would be right.',
    commands: /^docker service create .* --constraint nope /,
    stream: 'stderr',
    swarm: /code = Unknown desc = constraint expected one operator from ==, !=/,
    tutti: /code = InvalidArgument desc = .*invalid placement constraint "nope": .*/,
  },
  {
    reason: 'Tutti names the field of the document that is wrong.',
    commands: /^docker service create .* --limit-memory 1m /,
    stream: 'stderr',
    swarm: /rpc error: code = InvalidArgument desc = (?=invalid memory value)/,
    tutti: /TaskTemplate\.Resources\.Limits\.MemoryBytes: (?=invalid memory value)/,
  },
  {
    reason: 'Tutti says names where Swarm says ids.',
    commands: /^docker network rm net1$/,
    stream: 'stderr',
    swarm: /network <id> is in use by service <id>/,
    tutti: /network net1 is in use by service "w"/,
  },
  {
    reason: 'Swarm 20.10 tells a port of mode host twice.',
    commands: /^docker service ps p$/,
    stream: 'stdout',
    swarm: /,\*:18081->81\/tcp$/m,
  },
  {
    reason:
      'For Tutti an update that changes nothing is none, so there is no previous specification.',
    commands: /^docker service inspect st_web$/,
    stream: 'stdout',
    swarm: /^ {8}"PreviousSpec": \{\n[\s\S]*?^ {8}\},\n/m,
  },
];

/** Those that one client can show. */
export function differencesFor(clientVersion: string): readonly Difference[] {
  return differences.filter(({ clients }) => clients === undefined || clients.test(clientVersion));
}
