import type { StackReport } from '../model/report.ts';
import { formatAge } from './age.ts';
import { type CliContext, exitCodes } from './context.ts';
import { renderTable } from './table.ts';

/** `tutti stack ls`. */
export async function stackList(context: CliContext): Promise<number> {
  const reply = await context.client.call<{ readonly stacks: readonly StackReport[] }>({
    method: 'GET',
    path: '/tutti/v1/stacks',
  });
  if (context.json) context.output.write(`${JSON.stringify(reply.stacks)}\n`);
  else {
    const rows = reply.stacks.map((stack) => [
      stack.name,
      String(stack.services.length),
      `${count(stack, 'running')}/${count(stack, 'wanted')}`,
      stack.converged ? 'converged' : 'converging',
    ]);
    context.output.write(renderTable(['STACK', 'SERVICES', 'TASKS', 'STATE'], rows));
  }
  return exitCodes.success;
}

function count(stack: StackReport, what: 'running' | 'wanted'): number {
  return stack.services.reduce((sum, service) => sum + service[what], 0);
}

/** `tutti stack ps STACK`: its tasks, and why those that do not run do not. */
export async function stackTasks(context: CliContext, name: string): Promise<number> {
  const stack = await context.client.call<StackReport>({
    method: 'GET',
    path: `/tutti/v1/stacks/${encodeURIComponent(name)}`,
  });
  if (context.json) context.output.write(`${JSON.stringify(stack.tasks)}\n`);
  else {
    const now = Date.now();
    const rows = stack.tasks.map((task) => [
      task.name,
      task.image,
      task.nodeName ?? '-',
      task.desired,
      `${task.state} ${formatAge(task.since, now)}`,
      task.reason?.message ?? '',
    ]);
    const header = ['TASK', 'IMAGE', 'NODE', 'DESIRED', 'STATE', 'REASON'];
    context.output.write(renderTable(header, rows));
  }
  return exitCodes.success;
}
