import type { HttpReply } from '../host/http.ts';
import type { ControlPlane } from '../manager/control-plane.ts';
import { stackLabel } from '../model/labels.ts';
import type { StackReport } from '../model/report.ts';
import { reportStack } from './reports.ts';

/**
 * A stream of stack reports, one a line: the present one at once, another after each change;
 * changes that come while the reader is slow become one report. A stack that is not there is an
 * empty one.
 */
export function watchStack(
  controlPlane: ControlPlane,
  options: { readonly name: string; readonly signal: AbortSignal },
): HttpReply {
  return {
    kind: 'stream',
    status: 200,
    headers: { 'Content-Type': 'application/x-ndjson' },
    chunks: reports(controlPlane, options),
  };
}

async function* reports(
  controlPlane: ControlPlane,
  options: { readonly name: string; readonly signal: AbortSignal },
): AsyncGenerator<string> {
  const { name, signal } = options;
  let wake = Promise.withResolvers<void>();
  const look = (): void => wake.resolve();
  const stopCommits = controlPlane.onCommit((commit) => {
    if (commit.changes.some((change) => belongsTo(controlPlane, { change, name }))) look();
  });
  const stopObserved = controlPlane.onObserved((taskId) => {
    const task = controlPlane.view.tasks.get(taskId);
    const service = task === undefined ? undefined : controlPlane.view.services.get(task.serviceId);
    if (service === undefined || service.spec.labels[stackLabel] === name) look();
  });
  signal.addEventListener('abort', look, { once: true });
  try {
    while (!signal.aborted) {
      wake = Promise.withResolvers<void>();
      yield `${JSON.stringify(reportStack(controlPlane, name) ?? emptyStack(name))}\n`;
      await wake.promise;
    }
  } finally {
    stopCommits();
    stopObserved();
    signal.removeEventListener('abort', look);
  }
}

type CommitChange = Parameters<Parameters<ControlPlane['onCommit']>[0]>[0]['changes'][number];

function belongsTo(
  controlPlane: ControlPlane,
  which: { readonly change: CommitChange; readonly name: string },
): boolean {
  const { change, name } = which;
  const row = change.after ?? change.before;
  if (row === undefined) return false;
  if (change.table === 'tasks') {
    const service = controlPlane.view.services.get(
      (change.after ?? change.before)?.serviceId ?? '',
    );
    return service === undefined || service.spec.labels[stackLabel] === name;
  }
  return 'spec' in row && 'labels' in row.spec && row.spec.labels[stackLabel] === name;
}

function emptyStack(name: string): StackReport {
  return {
    name,
    services: [],
    tasks: [],
    networks: [],
    secrets: [],
    configs: [],
    converged: true,
  };
}
