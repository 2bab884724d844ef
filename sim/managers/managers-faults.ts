import type { Prng } from '../../src/lib/prng.ts';
import { usualDiskMs } from '../etcd/simulated-etcd.ts';
import type { SimulatedManager } from './manager.ts';
import type { ManagedMachine, ManagersWorld } from './managers-world.ts';

/** Of the managers and their etcd: no container has to be touched for any of them. */
const gentleKinds = [
  'leader killed',
  'leader frozen',
  'leader and its etcd frozen',
  'manager killed',
  'manager frozen',
  'etcd killed',
  'etcd frozen',
  'lead of etcd moved',
  'slow disks',
  'late watch',
  'history forgotten',
  'clock of a manager set',
] as const;

/** Of the network: these take nodes away. */
const cutKinds = [
  'managers cut apart',
  'a manager cut from the others one way',
  'leader cut off',
  'leader cut off one way',
  'worker cut off',
  'worker cut off one way',
  'halves',
  'bad links',
] as const;

/** Of machines and what runs there. */
const machineKinds = [
  'leader loses power',
  'machine loses power',
  'agent killed',
  'engine restarts',
] as const;

type GentleKind = (typeof gentleKinds)[number];
type CutKind = (typeof cutKinds)[number];
type MachineKind = (typeof machineKinds)[number];
export type FaultKind = GentleKind | CutKind | MachineKind;

export interface Fault {
  readonly kind: FaultKind;
  /** Of whom. */
  readonly about: string;
  readonly forMs: number;
  readonly heal: () => void;
}

const longestFreezeMs = 9_000;
const mostSetMs = 30_000;

/** Begins a fault. */
export function drawFault(
  world: ManagersWorld,
  { dice, isGentle }: { readonly dice: Prng; readonly isGentle: boolean },
): Fault {
  const roughKinds = isGentle ? [] : [...cutKinds, ...machineKinds];
  const kind: FaultKind = dice.pick([...gentleKinds, ...roughKinds]);
  const forMs = 1_000 + dice.below(10_000);
  const begun = begin(world, { kind, dice, forMs });
  return { kind, forMs, ...begun };
}

type Begun = Pick<Fault, 'about' | 'heal'>;

function begin(
  world: ManagersWorld,
  drawn: { readonly kind: FaultKind; readonly dice: Prng; readonly forMs: number },
): Begun {
  const { kind, dice, forMs } = drawn;
  if (isOne(gentleKinds, kind)) return befallManagers(world, { kind, dice, forMs });
  if (isOne(cutKinds, kind)) return cutWays(world, { kind, dice });
  return befallMachine(world, { kind, dice });
}

function isOne<Kind extends FaultKind>(kinds: readonly Kind[], kind: FaultKind): kind is Kind {
  return (kinds as readonly FaultKind[]).includes(kind);
}

function befallManagers(
  world: ManagersWorld,
  drawn: { readonly kind: GentleKind; readonly dice: Prng; readonly forMs: number },
): Begun {
  const { kind, dice, forMs } = drawn;
  const leader = world.leader ?? dice.pick(world.managers);
  const picked = dice.pick(world.managers);
  switch (kind) {
    case 'leader killed':
      return killed(world, leader);
    case 'manager killed':
      return killed(world, picked);
    case 'leader frozen':
      return frozen(leader, Math.min(forMs, longestFreezeMs));
    case 'manager frozen':
      return frozen(picked, Math.min(forMs, longestFreezeMs));
    case 'leader and its etcd frozen': {
      const freezeMs = Math.min(forMs, longestFreezeMs);
      world.etcd.freeze(leader.index, freezeMs);
      return frozen(leader, freezeMs);
    }
    case 'etcd killed':
      world.etcd.kill(picked.index);
      return { about: picked.nodeId, heal: () => world.etcd.start(picked.index) };
    case 'etcd frozen':
      world.etcd.freeze(picked.index, Math.min(forMs, longestFreezeMs));
      return { about: picked.nodeId, heal: () => undefined };
    case 'lead of etcd moved':
      world.etcd.moveLeader();
      return { about: `to member ${world.etcd.leader}`, heal: () => undefined };
    case 'slow disks':
      return slowDisks(world, dice);
    case 'late watch':
      picked.maxWatchLagMs = 500 + dice.below(2_500);
      return { about: picked.nodeId, heal: () => (picked.maxWatchLagMs = 0) };
    case 'history forgotten':
      world.etcd.keys.compact(world.etcd.keys.etcdRevision);
      return { about: '', heal: () => undefined };
    case 'clock of a manager set':
      return setClock(world, { dice, index: picked.index });
  }
}

function cutWays(
  world: ManagersWorld,
  { kind, dice }: { readonly kind: CutKind; readonly dice: Prng },
): Begun {
  const { fabric, managers, machines } = world;
  const leader = world.leader ?? dice.pick(managers);
  const worker = dice.pick(machines.slice(managers.length));
  const out = dice.chance(0.5);
  const both = { out: true, in: true };
  const heal = (): void => fabric.healAll();
  switch (kind) {
    case 'managers cut apart': {
      const [one, other] = [leader, dice.pick(managers.filter((each) => each !== leader))];
      fabric.cut(one.index, other.index);
      fabric.cut(other.index, one.index);
      return { about: `${one.nodeId} and ${other.nodeId}`, heal };
    }
    case 'a manager cut from the others one way': {
      const one = dice.pick(managers);
      for (const { index } of managers) {
        if (out) fabric.cut(one.index, index);
        else fabric.cut(index, one.index);
      }
      return { about: `${one.nodeId}, ${out ? 'out' : 'in'}`, heal };
    }
    case 'leader cut off':
      fabric.cutOff(leader.index, both);
      return { about: leader.nodeId, heal };
    case 'leader cut off one way':
      fabric.cutOff(leader.index, { out, in: !out });
      return { about: `${leader.nodeId}, ${out ? 'out' : 'in'}`, heal };
    case 'worker cut off':
      fabric.cutOff(worker.index, both);
      return { about: worker.nodeId, heal };
    case 'worker cut off one way':
      fabric.cutOff(worker.index, { out, in: !out });
      return { about: `${worker.nodeId}, ${out ? 'out' : 'in'}`, heal };
    case 'halves':
      return cutHalves(world, dice);
    case 'bad links':
      for (const { index } of machines) {
        fabric.makeBad(index, { lossChance: 0.1, maxDelayMs: dice.below(300) });
      }
      return { about: '', heal };
  }
}

function befallMachine(
  world: ManagersWorld,
  { kind, dice }: { readonly kind: MachineKind; readonly dice: Prng },
): Begun {
  const machine = dice.pick(world.machines);
  switch (kind) {
    case 'leader loses power':
      return withoutPower(world, world.machines[world.leader?.index ?? 0] ?? machine);
    case 'machine loses power':
      return withoutPower(world, machine);
    case 'agent killed':
      machine.node.killAgent();
      return { about: machine.nodeId, heal: () => startAgent(machine) };
    case 'engine restarts':
      machine.engine.stop({ liveRestore: dice.chance(0.5) });
      return { about: machine.nodeId, heal: () => machine.engine.start() };
  }
}

function killed(world: ManagersWorld, manager: SimulatedManager): Begun {
  world.killManager(manager);
  return { about: manager.nodeId, heal: () => manager.start() };
}

function frozen(manager: SimulatedManager, forMs: number): Begun {
  manager.freeze(forMs);
  return { about: manager.nodeId, heal: () => undefined };
}

function slowDisks(world: ManagersWorld, dice: Prng): Begun {
  const slow = world.etcd.members.filter(() => dice.chance(0.6));
  for (const member of slow) member.maxDiskMs = 100 + dice.below(1_500);
  const heal = (): void => {
    for (const member of slow) member.maxDiskMs = usualDiskMs;
  };
  return { about: slow.map(({ index }) => index).join(', '), heal };
}

function setClock(
  world: ManagersWorld,
  { dice, index }: { readonly dice: Prng; readonly index: number },
): Begun {
  const ms = dice.below(2 * mostSetMs) - mostSetMs;
  world.machines[index]?.clock.setBy(ms);
  return { about: `${index} by ${ms} ms`, heal: () => undefined };
}

function cutHalves(world: ManagersWorld, dice: Prng): Begun {
  const { machines, fabric } = world;
  const left = machines.filter(() => dice.chance(0.5));
  for (const one of left) {
    for (const other of machines) {
      if (left.includes(other)) continue;
      fabric.cut(one.index, other.index);
      fabric.cut(other.index, one.index);
    }
  }
  return { about: left.map(({ nodeId }) => nodeId).join(', '), heal: () => fabric.healAll() };
}

function withoutPower(world: ManagersWorld, machine: ManagedMachine): Begun {
  world.powerOff(machine);
  return { about: machine.nodeId, heal: () => world.powerOn(machine) };
}

function startAgent({ node }: ManagedMachine): void {
  if (!node.isUp) node.startAgent();
}
