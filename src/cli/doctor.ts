import { errorCodes, TuttiError } from '../lib/error.ts';
import type {
  NetworkFinding,
  NetworkPair,
  NetworkReport,
  NetworkReportStep,
} from '../model/network-report.ts';
import { type CliContext, exitCodes } from './context.ts';
import { plural } from './describe.ts';
import type { LiveText } from './live-text.ts';
import type { Colour } from './paint.ts';
import { openReportScreen, type ReportView } from './report-screen.ts';
import { renderTable } from './table.ts';

type Progress = Extract<NetworkReportStep, { readonly kind: 'progress' }>;

/** More pairs are told in one line. */
const mostPairsShown = 12;
const tickMs = 100;

/** `tutti doctor net`: what is wrong with the network, and what to do. */
export async function doctorNet(
  context: CliContext,
  options: { readonly local: boolean },
): Promise<number> {
  const report = await read(context, options.local ? 'node' : 'net');
  const isBroken = report.findings.some(({ severity }) => severity === 'broken');
  const exitCode = isBroken ? exitCodes.failure : exitCodes.success;
  const { output, json } = context;
  if (json) output.write(`${JSON.stringify({ ...report, exitCode })}\n`);
  else tell(context, { report, asked: options.local });
  return exitCode;
}

async function read(context: CliContext, what: 'net' | 'node'): Promise<NetworkReport> {
  const { client, signal } = context;
  const screen = openReportScreen(context, progressView);
  const timer = setInterval(() => screen.tick(), tickMs);
  try {
    const path = `/tutti/v1/doctor/${what}`;
    for await (const step of client.lines<NetworkReportStep>({ method: 'GET', path, signal })) {
      if (step.kind === 'report') return step.report;
      if (step.kind === 'failed') throw toError(step);
      screen.show(step);
    }
  } finally {
    clearInterval(timer);
    screen.close();
  }
  if (signal.aborted) throw new TuttiError('cancelled', 'stopped looking; nothing stays behind');
  throw new TuttiError('unavailable', 'the manager ended before it said what it saw', {
    hint: 'Run it again; `tutti doctor net --local` needs no manager.',
  });
}

function toError(step: Extract<NetworkReportStep, { readonly kind: 'failed' }>): TuttiError {
  const code = errorCodes.find((one) => one === step.code) ?? 'internal';
  return new TuttiError(code, step.message, step.hint === undefined ? {} : { hint: step.hint });
}

const progressView: ReportView<Progress> = {
  lines: ({ asked, waitingFor }) =>
    waitingFor.length === asked
      ? [`the network is looked at by ${plural(asked, 'node')}; this takes some seconds`]
      : [],
  picture: ({ asked, waitingFor }: Progress, text: LiveText) => {
    const done = asked - waitingFor.length;
    const head = `${text.mark(done === asked)} ${done} of ${plural(asked, 'node')} looked`;
    return [text.fit(head, text.passed())];
  },
};

function tell(
  { output }: CliContext,
  { report, asked }: { readonly report: NetworkReport; readonly asked: boolean },
): void {
  const { findings, scope } = report;
  if (scope === 'node' && !asked) {
    output.note(
      'this node is a worker: it sees itself alone; run this on a manager for the rest\n',
    );
  }
  for (const finding of findings) output.write(describe(finding, output.paint));
  if (scope === 'cluster') output.write(describePairs(report, output.paint));
  output.write(`${summaryOf(report)}\n`);
}

const colours = { broken: 'red', warning: 'yellow', repaired: 'cyan' } as const satisfies Record<
  NetworkFinding['severity'],
  Colour
>;

function describe(
  { severity, subject, message, hint }: NetworkFinding,
  paint: CliContext['output']['paint'],
): string {
  const first = `${paint(colours[severity], `${severity}:`)} ${subject}: ${message}\n`;
  return hint === undefined ? first : `${first}  ${paint('cyan', 'hint:')} ${hint}\n`;
}

function describePairs({ pairs }: NetworkReport, paint: CliContext['output']['paint']): string {
  if (pairs.length === 0) return '';
  const isWell = (pair: NetworkPair): boolean => pair.answered === pair.sent && pair.full;
  const shown = pairs.length <= mostPairsShown ? pairs : pairs.filter((pair) => !isWell(pair));
  if (shown.length === 0) return '';
  const rows = shown.map(({ from, to, sent, answered, roundTripMs, full, largestBytes }) => [
    from,
    to,
    `${answered}/${sent}`,
    roundTripMs === undefined ? '–' : `${roundTripMs.toFixed(1)} ms`,
    full ? 'yes' : 'no',
    largestBytes === undefined ? '–' : String(largestBytes),
  ]);
  return renderTable(['FROM', 'TO', 'ANSWERED', 'ROUND TRIP', 'FULL SIZE', 'MTU'], rows, paint);
}

function summaryOf({ scope, nodes, pairs, knocks, lookups, findings }: NetworkReport): string {
  const looked = nodes.filter(({ examined }) => examined).length;
  const what =
    scope === 'node'
      ? 'this node'
      : `${looked} of ${plural(nodes.length, 'node')}, ${plural(pairs.length, 'way')}`;
  const count = (severity: NetworkFinding['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const counts = [
    count('broken') === 0 ? 'nothing is broken' : `${count('broken')} broken`,
    ...(count('warning') === 0 ? [] : [plural(count('warning'), 'warning')]),
    ...(count('repaired') === 0 ? [] : [`${count('repaired')} repaired`]),
  ];
  return (
    `${counts.join(', ')} (${what}, ${plural(knocks, 'connection')} to published ports, ` +
    `${plural(lookups, 'name')})`
  );
}
