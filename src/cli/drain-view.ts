import type { DrainingTask, DrainReport } from '../model/report.ts';
import { plural } from './describe.ts';
import type { ReportView } from './report-screen.ts';

const order: Readonly<Record<DrainingTask['step'], number>> = { moves: 0, stops: 1, waits: 2 };

/** How many tasks are left on a node, and what those that are on their way are at. */
export function drainView(node: string): ReportView<DrainReport> {
  let most = 0;
  return {
    lines: ({ left }) => [
      ...(left.length > 0 ? [`${node}: ${plural(left.length, 'task')} left`] : []),
      ...left
        .filter((task) => task.step !== 'waits')
        .map((task) => `${task.name} ${task.step}: ${task.why}`),
    ],
    picture: ({ left }, text) => {
      most = Math.max(most, left.length);
      const gone = `${most - left.length} of ${plural(most, 'task')} gone`;
      const head = `${text.mark(left.length === 0)} ${node}: ${left.length === 0 ? 'empty' : gone}`;
      const shown = left
        .toSorted((one, other) => order[one.step] - order[other.step])
        .slice(0, text.room);
      const width = Math.max(0, ...shown.map(({ name }) => name.length));
      return [
        text.fit(head, text.passed()),
        ...shown.map((task) => text.fit(`  ${task.name.padEnd(width)}  ${task.step}`, task.why)),
      ];
    },
  };
}
