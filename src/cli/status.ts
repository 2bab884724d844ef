import type { StatusReport } from '../model/report.ts';
import { type CliContext, exitCodes } from './context.ts';
import { describeTask } from './stack-progress.ts';
import { renderTable } from './table.ts';

/** `tutti status`: the cluster at a glance, what is wrong first. Fails when something is wrong. */
export async function status(context: CliContext): Promise<number> {
  const report = await context.client.call<StatusReport>({
    method: 'GET',
    path: '/tutti/v1/status',
  });
  const exitCode = report.problems.length > 0 ? exitCodes.failure : exitCodes.success;
  if (context.json) {
    context.output.write(`${JSON.stringify(report)}\n`);
    return exitCode;
  }
  if (report.clusterId === undefined) {
    context.output.write('no cluster yet: `tutti stack deploy` or `docker swarm init` makes one\n');
    return exitCodes.success;
  }
  const problems = report.problems.map((task) => `problem: ${describeTask(task)}\n`).join('');
  const nodes = report.nodes.map((node) => [
    node.hostname,
    node.role,
    node.availability,
    node.state,
    String(node.tasks),
  ]);
  context.output.write(
    `${problems}cluster ${report.clusterId}, revision ${report.revision}: ` +
      `${report.services} services, ${report.runningTasks}/${report.wantedTasks} tasks run\n` +
      renderTable(['NODE', 'ROLE', 'AVAILABILITY', 'STATE', 'TASKS'], nodes),
  );
  return exitCode;
}
