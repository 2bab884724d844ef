import { judgeNetwork } from '../doctor/judge-network.ts';
import type { HttpReply } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import type { ControlPlane } from '../manager/control-plane.ts';
import type { ExaminationStep } from '../model/network-examination.ts';
import type { NetworkReportStep } from '../model/network-report.ts';

/**
 * How far the look at the network of every node is, one step a line, and in the end what it says.
 */
export function examineNetwork(controlPlane: ControlPlane, signal: AbortSignal): HttpReply {
  return {
    kind: 'stream',
    status: 200,
    headers: { 'Content-Type': 'application/x-ndjson' },
    chunks: lines(controlPlane.examineNetwork(signal)),
  };
}

async function* lines(steps: AsyncIterable<ExaminationStep>): AsyncGenerator<string> {
  for await (const step of reports(steps)) yield `${JSON.stringify(step)}\n`;
}

/** Headers are out by then: what fails is a line, too. */
async function* reports(steps: AsyncIterable<ExaminationStep>): AsyncGenerator<NetworkReportStep> {
  try {
    for await (const step of steps) {
      yield step.kind === 'progress'
        ? step
        : { kind: 'report', report: judgeNetwork(step.examination) };
    }
  } catch (reason) {
    const { code, message, hint } = TuttiError.from(reason);
    yield { kind: 'failed', code, message, ...(hint !== undefined && { hint }) };
  }
}
