import type { RoundOutcome, Rounds } from '../../src/manager/round.ts';
import type { Task } from '../../src/model/task.ts';
import { addressKey, isLive } from '../../src/store/schema.ts';
import type { Transaction } from '../../src/store/view.ts';
import type { Seams } from '../world.ts';
import type { Planted } from './planted.ts';

const settledMs = 1_000;

type Run = Rounds['run'];

/** Bugs of the loops: orchestrator, allocator, scheduler. */
export const roundBugs: readonly Planted[] = [
  {
    name: 'a slot is filled twice',
    check: 'two current tasks in a slot',
    seed: 1,
    seams: afterwards((tx, [, , context]) => {
      for (const task of newTasks(tx)) {
        if (task.slot === 2) tx.tasks.put({ ...task, id: context.newId() });
      }
    }),
  },
  {
    name: 'an address is free as soon as its task is told to stop',
    check: 'address held twice',
    seed: 3,
    seams: around((rounds) => (tx, work, context) => {
      const outcome = rounds.run(tx, work, context);
      for (const network of tx.networks.all()) rounds.addressReuse.forgetNetwork(network.id);
      for (const task of stopping(tx)) {
        if (task.addresses.length > 0) tx.tasks.put({ ...task, addresses: [] });
      }
      return outcome;
    }),
  },
  {
    name: 'a task is given an address that another service declares',
    check: 'static address missed',
    seed: 6,
    seams: around((rounds) => (tx, work, context) => {
      const waiting = [...tx.tasks.all()].filter(({ nodeId }) => nodeId === undefined);
      const outcome = rounds.run(tx, work, context);
      for (const { id } of waiting) takeDeclaredAddress(tx, tx.tasks.get(id));
      return outcome;
    }),
  },
  {
    name: 'a task has its static address before the one that has it has ended',
    check: 'address held twice',
    seed: 22,
    seams: around((rounds) => (tx, work, context) => {
      const outcome = rounds.run(tx, work, context);
      for (const [taskId, { code }] of outcome.refusals) {
        const task = tx.tasks.get(taskId);
        if (code === 'address-in-use' && task !== undefined) placeAtOnce(tx, task);
      }
      return outcome;
    }),
  },
  {
    name: 'an end that is written down is written again, differently',
    check: 'row goes wrong way',
    seed: 1,
    seams: afterwards((tx, [, , { now }]) => {
      const tasks = [...tx.tasks.all()];
      for (const task of tasks) {
        const { end } = task;
        if (end?.state !== 'shutdown' || end.at + settledMs > now) continue;
        tx.tasks.put({ ...task, end: { ...end, state: 'complete' } });
      }
    }),
  },
  {
    name: 'a successor starts before the one that it replaces has stopped',
    check: 'two containers in a slot',
    seed: 4,
    seams: afterwards((tx) => {
      const tasks = [...tx.tasks.all()];
      for (const task of tasks) {
        if (isLive(task) && task.desired === 'ready') tx.tasks.put({ ...task, desired: 'running' });
      }
    }),
  },
  {
    name: 'a removed service goes before its tasks',
    check: 'dangling task',
    seed: 1,
    seams: afterwards((tx) => {
      const removed = [...tx.services.by('removing', 'yes')];
      for (const service of removed) tx.services.delete(service.id);
    }),
  },
  {
    name: 'an end is counted again for its job',
    check: 'not quiet in time',
    seed: 19,
    seams: around((rounds) => (tx, work, context) => {
      const before = new Map([...tx.services.all()].map(({ id, job }) => [id, job?.completions]));
      const outcome = rounds.run(tx, work, context);
      const services = [...tx.services.all()];
      for (const service of services) {
        const { job } = service;
        const counted = before.get(service.id);
        if (job === undefined || counted === undefined || job.completions <= counted) continue;
        tx.services.put({ ...service, job: { ...job, completions: job.completions + 1 } });
      }
      return outcome;
    }),
  },
  {
    name: 'the ends that agents report are not written down',
    check: 'not quiet in time',
    seed: 1,
    seams: around(
      (rounds) => (tx, work, context) => rounds.run(tx, { ...work, ends: [] }, context),
    ),
  },
  {
    name: 'nobody is woken when a delay is over',
    check: 'not quiet in time',
    seed: 3,
    seams: around((rounds) => (tx, work, context) => {
      const outcome = rounds.run(tx, work, context);
      return { ...outcome, wakes: new Map(), undo: () => outcome.undo() };
    }),
  },
];

function around(wrap: (rounds: Rounds) => Run): Seams {
  return {
    rounds: (rounds) => ({
      addressReuse: rounds.addressReuse,
      run: wrap(rounds),
      committed: (change) => rounds.committed(change),
      reload: () => rounds.reload(),
    }),
  };
}

/** Changes more, in the same transaction. */
function afterwards(change: (tx: Transaction, call: Parameters<Run>) => void): Seams {
  return around((rounds) => (...call): RoundOutcome => {
    const outcome = rounds.run(...call);
    change(call[0], call);
    return outcome;
  });
}

function takeDeclaredAddress(tx: Transaction, task: Task | undefined): void {
  if (task?.nodeId === undefined) return;
  for (const template of tx.templates.all()) {
    const place = template.spec.networks.find((one) => one.ipv4Address !== undefined);
    if (place?.ipv4Address === undefined || template.serviceId === task.serviceId) continue;
    const { networkId } = place;
    const address = `${place.ipv4Address}/24`;
    if (tx.tasks.count('address', addressKey(networkId, address)) > 0) continue;
    tx.tasks.put({ ...task, addresses: [{ networkId, address }] });
    return;
  }
}

function placeAtOnce(tx: Transaction, task: Task): void {
  const [node] = tx.nodes.all();
  const networks = tx.templates.get(task.templateId)?.spec.networks ?? [];
  if (node === undefined) return;
  const addresses = networks.flatMap(({ networkId, ipv4Address }) =>
    ipv4Address === undefined ? [] : [{ networkId, address: `${ipv4Address}/24` }],
  );
  tx.tasks.put({ ...task, nodeId: node.id, addresses });
}

function newTasks(tx: Transaction): readonly Task[] {
  const live = [...tx.tasks.all()].filter(isLive);
  return live.filter((task) => tx.tasks.count('slot', `${task.serviceId}/${task.slot}`) === 1);
}

/** Tasks that are told to stop and have not ended. */
function stopping(tx: Transaction): readonly Task[] {
  return [...tx.tasks.all()].filter((task) => task.end === undefined && !isLive(task));
}
