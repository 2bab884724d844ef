import type { StackReport, TaskReport } from '../model/report.ts';
import { formatAge } from './age.ts';
import { type CliContext, exitCodes } from './context.ts';
import { renderTable } from './table.ts';

/** `tutti stack ls`. */
export async function stackList(context: CliContext): Promise<number> {
  const { output, json, client, signal } = context;
  const reply = await client.call<{ readonly stacks: readonly StackReport[] }>({
    method: 'GET',
    path: '/tutti/v1/stacks',
    signal,
  });
  if (json) {
    output.write(`${JSON.stringify(reply.stacks)}\n`);
    return exitCodes.success;
  }
  const rows = reply.stacks.map((stack) => [
    stack.name,
    String(stack.services.length),
    countTasks(stack),
    describeState(stack),
  ]);
  output.write(renderTable(['STACK', 'SERVICES', 'TASKS', 'STATE'], rows, output.paint));
  if (rows.length === 0) output.note('no stacks yet; tutti stack deploy makes one\n');
  return exitCodes.success;
}

function countTasks(stack: StackReport): string {
  const sum = (what: 'running' | 'completed' | 'wanted') =>
    stack.services.reduce((total, service) => total + service[what], 0);
  const finished = sum('completed') > 0 ? ` (${sum('completed')} finished)` : '';
  return `${sum('running') + sum('completed')}/${sum('wanted')}${finished}`;
}

function describeState(stack: StackReport): string {
  const isGoing = stack.services.length > 0 && stack.services.every((service) => service.removing);
  if (isGoing) return 'being removed';
  if (stack.converged) return 'converged';
  return stack.tasks.some((task) => task.failure !== undefined || isLost(task))
    ? 'in trouble'
    : 'converging';
}

function isLost(task: TaskReport): boolean {
  return (task.spent === true && task.state !== 'complete') || task.state === 'pending';
}

/** `tutti stack ps STACK`: its tasks, and why those that do not run do not. */
export async function stackTasks(context: CliContext, name: string): Promise<number> {
  const { output, json, client, signal } = context;
  const path = `/tutti/v1/stacks/${encodeURIComponent(name)}`;
  const stack = await client.call<StackReport>({ method: 'GET', path, signal });
  if (json) {
    output.write(`${JSON.stringify(stack.tasks)}\n`);
    return exitCodes.success;
  }
  const now = Date.now();
  const rows = stack.tasks.map((task) => [
    task.name,
    task.image,
    task.nodeName ?? '-',
    task.desired,
    `${task.state} ${formatAge(task.since, now)}`,
    reasonOf(task),
  ]);
  const header = ['TASK', 'IMAGE', 'NODE', 'DESIRED', 'STATE', 'REASON'];
  output.write(renderTable(header, rows, output.paint));
  return exitCodes.success;
}

function reasonOf({ reason, failure, restarts, state }: TaskReport): string {
  const before =
    failure === undefined ? '' : `restarted ${restarts}×, last: ${failure.reason.message}`;
  if (state === 'running' || reason?.code === 'waiting-to-restart') return before;
  return [reason?.message ?? '', before].filter((part) => part !== '').join('; ');
}
