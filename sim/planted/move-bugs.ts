import type { Task } from '../../src/model/task.ts';
import { isLive } from '../../src/store/schema.ts';
import type { ClusterSeams } from '../cluster/cluster-world.ts';
import type { PlantedInCluster } from './planted.ts';

/** Bugs of drains and rebalances. */
export const moveBugs: readonly PlantedInCluster[] = [
  {
    name: 'a task stops as soon as it has a successor',
    check: 'fewer run than the update settings allow',
    seed: 1,
    seams: afterwards((task) =>
      task.outgoing === true && isLive(task) ? { ...task, desired: 'shutdown' } : task,
    ),
  },
  {
    name: 'the turn of a move is never over',
    check: 'a drain or a rebalance does not end',
    seed: 1,
    seams: afterwards((task) =>
      task.move?.turn === 'over' ? { ...task, move: { ...task.move, turn: 'held' } } : task,
    ),
  },
];

/** Changes tasks more, in the same transaction. */
function afterwards(change: (task: Task) => Task): ClusterSeams {
  return {
    rounds: (rounds) => ({
      addressReuse: rounds.addressReuse,
      run: (tx, work, context) => {
        const outcome = rounds.run(tx, work, context);
        const tasks = [...tx.tasks.all()];
        for (const task of tasks) {
          const after = change(task);
          if (after !== task) tx.tasks.put(after);
        }
        return outcome;
      },
      committed: (made) => rounds.committed(made),
      reload: () => rounds.reload(),
    }),
  };
}
