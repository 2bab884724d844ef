import type { NodeReport, StatusReport } from '../model/report.ts';
import { type CliContext, exitCodes } from './context.ts';
import { describeTask, plural } from './describe.ts';
import { renderTable } from './table.ts';

/** `tutti status`: the cluster at a glance, what is wrong first. Fails when something is wrong. */
export async function status(context: CliContext): Promise<number> {
  const { output } = context;
  const report = await context.client.call<StatusReport>({
    method: 'GET',
    path: '/tutti/v1/status',
    signal: context.signal,
  });
  const problems = describeProblems(report);
  const exitCode = problems.length > 0 ? exitCodes.failure : exitCodes.success;
  if (context.json) {
    output.write(`${JSON.stringify({ ...report, exitCode })}\n`);
    return exitCode;
  }
  if (report.clusterId === undefined) {
    output.write('no cluster yet: `tutti stack deploy` or `docker swarm init` makes one\n');
    return exitCodes.success;
  }
  const nodes = report.nodes.map((node) => [
    node.hostname,
    node.role,
    node.availability,
    node.state,
    String(node.tasks),
  ]);
  const lines = problems.map((problem) => `${output.paint('red', 'problem:')} ${problem}\n`);
  output.write(
    `${lines.join('')}cluster ${report.clusterId}, revision ${report.revision}: ` +
      `${describeTasks(report)}\n` +
      renderTable(['NODE', 'ROLE', 'AVAILABILITY', 'STATE', 'TASKS'], nodes, output.paint),
  );
  return exitCode;
}

function describeTasks(report: StatusReport): string {
  const { services, stacks, runningTasks, completedTasks, wantedTasks } = report;
  const finished = completedTasks > 0 ? `, ${completedTasks} finished` : '';
  return (
    `${plural(stacks.length, 'stack')}, ${plural(services, 'service')}, ` +
    `${runningTasks} of ${plural(wantedTasks, 'task')} running${finished}`
  );
}

function describeProblems(report: StatusReport): readonly string[] {
  return [
    ...report.nodes.filter(isAway).map((node) => `node ${node.hostname} is ${node.state}`),
    ...report.nodes.flatMap(({ hostname, held }) =>
      held === undefined ? [] : [`node ${hostname}: ${held}`],
    ),
    ...report.stalledUpdates.map(
      ({ service, update }) => `update of ${service} ${update.state}: ${update.message}`,
    ),
    ...report.portProblems,
    ...report.problems.map((task) => {
      const hint = task.reason?.hint ?? task.failure?.reason.hint;
      return hint === undefined ? describeTask(task) : `${describeTask(task)}\n  ${hint}`;
    }),
  ];
}

function isAway(node: NodeReport): boolean {
  return node.state !== 'ready';
}
