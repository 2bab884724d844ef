import type { Instant } from '../../src/model/instant.ts';
import { Leases, type LeaseSurroundings, type Transition } from '../../src/liveness/leases.ts';
import { leaseTerms } from '../../src/liveness/terms.ts';
import type { Transaction } from '../../src/store/view.ts';
import type { ClusterWorld } from '../cluster/cluster-world.ts';
import { crashBugs } from './crash-bugs.ts';
import { moveBugs } from './move-bugs.ts';
import type { PlantedInCluster } from './planted.ts';

/** Gives every silent node up, as if a person had asked for each. */
class Reckless extends Leases {
  override tick(now: Instant, surroundings: LeaseSurroundings): readonly Transition[] {
    return super.tick(now, { ...surroundings, isReleased: () => true });
  }
}

/** Bugs of leases, and of what follows from them. */
export const clusterBugs: readonly PlantedInCluster[] = [
  {
    name: 'the clock of leases goes on while the manager does not listen',
    check: 'missed while the manager did not listen',
    seed: 7,
    seams: { leases: () => new Leases({ ...leaseTerms, longestStepMs: 3_600_000 }) },
  },
  {
    name: 'silence is taken for death at once',
    check: 'declared down without a cut',
    seed: 3,
    seams: { leases: () => new Leases({ ...leaseTerms, silentAfterMs: 400, doubtMs: 0 }) },
  },
  {
    name: 'half of the nodes are given up together',
    check: 'declared down with half of the nodes',
    seed: 7,
    seams: { leases: () => new Reckless(leaseTerms) },
  },
  {
    name: 'nobody is ever given up',
    check: 'tasks of a cut node do not run elsewhere in time',
    seed: 1,
    seams: { leases: () => new Leases({ ...leaseTerms, doubtMs: 3_600_000 }) },
  },
  {
    name: 'fenced tasks are given away before their node has stopped them',
    check: 'fenced task ran twice',
    seed: 1,
    seams: { leases: () => new Leases({ ...leaseTerms, fencedAfterMs: 3_000 }) },
  },
  {
    name: 'an address is free as soon as its node is down',
    check: 'address held by two live containers',
    seed: 1,
    seams: {
      rounds: (rounds, world) => ({
        addressReuse: rounds.addressReuse,
        run: (tx, work, context) => {
          forgetAddresses(tx, world);
          for (const network of tx.networks.all()) rounds.addressReuse.forgetNetwork(network.id);
          return rounds.run(tx, work, context);
        },
        committed: (change) => rounds.committed(change),
        reload: () => rounds.reload(),
      }),
    },
  },
  ...moveBugs,
  ...crashBugs,
];

function forgetAddresses(tx: Transaction, world: ClusterWorld): void {
  const tasks = [...tx.tasks.all()];
  for (const task of tasks) {
    const state = world.control?.observed.node(task.nodeId ?? '')?.state;
    if (state !== 'down' || task.end !== undefined || task.addresses.length === 0) continue;
    tx.tasks.put({ ...task, addresses: [] });
  }
}
