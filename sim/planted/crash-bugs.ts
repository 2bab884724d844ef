import type { PlantedInCluster } from './planted.ts';
import { loseResets } from './node-bugs.ts';

const tellingMs = 500;

/** Bugs that show where machines, engines, disks and clocks of a cluster misbehave. */
export const crashBugs: readonly PlantedInCluster[] = [
  {
    name: 'a sign of life that comes a second time counts again',
    check: 'tasks of a cut node do not run elsewhere in time',
    seed: 42,
    seams: { takesCopies: true },
  },
  {
    name: 'a manager hears nobody while its disk is slow',
    check: 'missed while the manager did not listen',
    seed: 4,
    seams: {
      listening: async ({ clock, diskFaults }) => {
        while (diskFaults.maxLatencyMs > tellingMs) await clock.sleep(tellingMs);
      },
    },
  },
  {
    name: 'a node and its guard count its lease by a clock that people set',
    check: 'fenced task ran twice',
    seed: 36,
    seams: { leaseClock: ({ own }) => own },
  },
  {
    name: 'nobody stops fenced tasks while their agent is away',
    check: 'fenced task ran twice',
    seed: 13,
    seams: { withoutGuard: true },
  },
  {
    name: 'nobody looks again after a container engine of the cluster was away',
    check: 'not as declared after healing',
    seed: 1,
    seams: { runtime: loseResets },
  },
  {
    name: 'a machine that comes back does not know which node it was',
    check: 'not as declared after healing',
    seed: 2,
    seams: {
      disk: (disk) => ({
        load: async () => undefined,
        save: async (state) => await disk.save(state),
      }),
    },
  },
];
