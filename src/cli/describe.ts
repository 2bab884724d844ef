import type { ReasonCode } from '../model/reason.ts';
import type { ServiceReport, StackReport, TaskReport } from '../model/report.ts';

/** What holds a task up, for people: where it is and the first sentence of its reason. */
export function describeTask(task: TaskReport): string {
  const where = task.nodeName === undefined ? '' : ` on ${task.nodeName}`;
  const { reason, failure } = task;
  if (failure !== undefined && isTriedAgain(task)) {
    const how = task.restarts > 1 ? 'fails again and again' : 'failed';
    return `${task.name} ${how}${where}: ${failure.reason.message}`;
  }
  return `${task.name} ${task.state}${where}${reason === undefined ? '' : `: ${reason.message}`}`;
}

/** It failed and is tried again; what it does right now says less than how it failed. */
function isTriedAgain({ failure, spent, nodeName }: TaskReport): boolean {
  return failure !== undefined && spent !== true && nodeName !== undefined;
}

/** Steps that every task takes in no time: nobody wants to read of them. */
const passing: ReadonlySet<ReasonCode> = new Set([
  'awaiting-placement',
  'awaiting-node',
  'preparing-network',
  'creating-container',
  'starting-container',
  'waiting-for-predecessor',
  'stopping',
  'stopped',
  'superseded',
  'scaled-down',
  'service-removed',
]);

/** Whether a person who waits for a task wants to hear what holds it up. */
export function isWorthTelling(task: TaskReport): boolean {
  if (task.state === 'running' || task.reason === undefined) return false;
  return !passing.has(task.reason.code) || isTriedAgain(task);
}

/** `st_web 1/2`, with what is special about it. */
export function describeService(service: ServiceReport): string {
  return `${service.name} ${describeCounts(service)}`;
}

/** `1/2`, with what is special about it. */
export function describeCounts(service: ServiceReport): string {
  const isJob = service.mode.endsWith('-job');
  const ready = isJob ? service.completed : service.running + service.completed;
  const finished = service.completed > 0 ? ' finished' : '';
  const updating = service.update?.state === 'updating' ? ' (updating)' : '';
  const rolledBack = service.update?.state.startsWith('rollback') === true ? ' (rolled back)' : '';
  return `${ready}/${service.wanted}${finished}${updating}${rolledBack}`;
}

/** Where a service can be reached from this machine: a line for each published port. */
export function describeAddresses(report: StackReport): readonly string[] {
  return report.services.flatMap((service) =>
    service.ports
      .filter((port) => port.publishedPort !== undefined)
      .map((port) => {
        const address = `localhost:${port.publishedPort}`;
        const url = port.protocol === 'tcp' ? `http://${address}` : `${address}/${port.protocol}`;
        return `${service.name}  ${url}`;
      }),
  );
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
