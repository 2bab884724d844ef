import type { HttpReply } from '../host/http.ts';
import type { ControlPlane } from '../manager/control-plane.ts';
import { stackLabel } from '../model/labels.ts';
import type { StackReport } from '../model/report.ts';
import { reportStack } from './reports.ts';

type CommitChange = Parameters<Parameters<ControlPlane['onCommit']>[0]>[0]['changes'][number];

/** What is to be reported again and again. */
interface Watched {
  readonly signal: AbortSignal;
  report(): unknown;
  /** Whether the report may be another one after the change. */
  isChangedBy(change: CommitChange): boolean;
  /** The same for what was observed of a task. */
  isChangedByTask(taskId: string): boolean;
}

/**
 * A stream of reports, one a line: the present one at once, another after each change; changes that
 * come while the reader is slow become one report.
 */
export function watchReport(controlPlane: ControlPlane, watched: Watched): HttpReply {
  return {
    kind: 'stream',
    status: 200,
    headers: { 'Content-Type': 'application/x-ndjson' },
    chunks: reports(controlPlane, watched),
  };
}

/** Reports of a stack. A stack that is not there is an empty one. */
export function watchStack(
  controlPlane: ControlPlane,
  options: { readonly name: string; readonly signal: AbortSignal },
): HttpReply {
  const { name, signal } = options;
  return watchReport(controlPlane, {
    signal,
    report: () => reportStack(controlPlane, name) ?? emptyStack(name),
    isChangedBy: (change) => belongsTo(controlPlane, { change, name }),
    isChangedByTask: (taskId) => {
      const task = controlPlane.view.tasks.get(taskId);
      const service =
        task === undefined ? undefined : controlPlane.view.services.get(task.serviceId);
      return service === undefined || service.spec.labels[stackLabel] === name;
    },
  });
}

async function* reports(controlPlane: ControlPlane, watched: Watched): AsyncGenerator<string> {
  const { signal } = watched;
  let wake = Promise.withResolvers<void>();
  const look = (): void => wake.resolve();
  const stopCommits = controlPlane.onCommit((commit) => {
    if (commit.changes.some((change) => watched.isChangedBy(change))) look();
  });
  const stopObserved = controlPlane.onObserved((taskId) => {
    if (watched.isChangedByTask(taskId)) look();
  });
  signal.addEventListener('abort', look, { once: true });
  try {
    while (!signal.aborted) {
      wake = Promise.withResolvers<void>();
      yield `${JSON.stringify(watched.report())}\n`;
      await wake.promise;
    }
  } finally {
    stopCommits();
    stopObserved();
    signal.removeEventListener('abort', look);
  }
}

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
