import { Examinations } from './agent/examinations.ts';
import { judgeNetwork } from './doctor/judge-network.ts';
import type { Clock } from './host/clock.ts';
import type { HttpHandler } from './host/http.ts';
import type { NodeMembership } from './host/membership.ts';
import type { Logger } from './host/logger.ts';
import type { NodeNetwork } from './host/node-network.ts';
import { TuttiError } from './lib/error.ts';
import type { ExaminedNode, NodeExamination } from './model/network-examination.ts';
import type { NodeDescription } from './model/node.ts';
import type { NetworkReportStep } from './model/network-report.ts';
import { machineIdentity } from './os/machine.ts';

export interface ExamineNode {
  readonly network: NodeNetwork;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly agent: {
    readonly nodeId: string;
    /** What the machine is, as it was found last: whoever has to be asked for it may be away. */
    readonly description: Pick<NodeDescription, 'hostname' | 'address'> | undefined;
  };
  readonly membership: Pick<NodeMembership, 'state'>;
}

/** Answers what this node sees of its network by itself, without a manager; all else goes on. */
export function withNodeExamination(options: ExamineNode, routes: HttpHandler): HttpHandler {
  const examinations = new Examinations(options);
  return async (request) => {
    const isLocal = request.path === '/tutti/v1/doctor/node';
    const isAll = request.path === '/tutti/v1/doctor/net';
    // A worker may not have others look.
    const isWorker = options.membership.state.kind === 'worker';
    const isAsked = request.method === 'GET' && (isLocal || (isAll && isWorker));
    if (!isAsked) return await routes(request);
    return {
      kind: 'stream',
      status: 200,
      headers: { 'Content-Type': 'application/x-ndjson' },
      chunks: steps(examinations, options, request.signal),
    };
  };
}

async function* steps(
  examinations: Examinations,
  ...[options, signal]: readonly [ExamineNode, AbortSignal]
): AsyncGenerator<string> {
  const line = (step: NetworkReportStep): string => `${JSON.stringify(step)}\n`;
  const { hostname, address } = options.agent.description ?? machineIdentity();
  yield line({ kind: 'progress', asked: 1, waitingFor: [hostname] });
  const seen = Promise.withResolvers<NodeExamination | TuttiError>();
  await examinations.run({ requestId: 'local' }, { signal, tell: (what) => seen.resolve(what) });
  seen.resolve(new TuttiError('cancelled', 'the look was ended'));
  const what = await seen.promise;
  const { nodeId } = options.agent;
  const outcome: ExaminedNode['outcome'] =
    what instanceof TuttiError
      ? { kind: 'failed', message: what.message }
      : { kind: 'examined', examination: what, receivedAt: what.at };
  const node = { nodeId, hostname, address, outcome };
  const report = judgeNetwork({ scope: 'node', nodes: [node], dataPathPort: 0, leftOut: [] });
  yield line({ kind: 'report', report });
}
