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
    reason: 'This client names the default address pool itself; that it was named is not kept.',
    commands: /^docker info$/,
    clients: /^20\./,
    stream: 'stdout',
    swarm: /^ {2}Default Address Pool: <address>\/8\n {2}SubnetSize: 24\n/m,
  },
  {
    reason:
      'Swarm writes a node again when its state is observed; Tutti keeps observations out of the store.',
    commands: /^docker events .* type=node$/,
    stream: 'stdout',
    swarm: /^<time> node (?:create|update) <id> \(name=\w*(?:, (?:state|role)\..*)?\)\n?/gm,
    tutti: /^<time> node (?:create|update) <id> \(name=vm\)\n?/gm,
  },
  {
    reason:
      'Swarm writes a network again when its allocator has filled it in; Tutti writes it once.',
    commands: /^docker events .* type=network .*scope=swarm$/,
    stream: 'stdout',
    swarm: /^<time> network (?:update .*|create <id> \(name=(?:ingress|bridge|host)\))\n?/gm,
    tutti: /^<time> network create <id> \(name=ingress\)\n?/gm,
  },
  {
    reason: 'A network of the cluster stands on this node under its id, and is shown so there.',
    commands: /^docker inspect .*NetworkSettings\.Networks.* r1 r2$/,
    stream: 'stdout',
    swarm: /^net5$/gm,
    tutti: /^<id>$/gm,
  },
  {
    reason: 'Swarm gives every network an endpoint for its balancer; Tutti has none.',
    commands: /^docker network inspect .* st_front$/,
    stream: 'stdout',
    swarm: /^st_front-endpoint\n?/m,
  },
  {
    reason: 'Swarm 20.10 tells a port of mode host twice.',
    commands: /^docker service ps p$/,
    stream: 'stdout',
    swarm: /,\*:18081->81\/udp$/m,
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
