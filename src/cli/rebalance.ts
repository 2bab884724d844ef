import { TuttiError } from '../lib/error.ts';
import type { RebalancedService, RebalancePlan, RebalanceReport } from '../model/rebalance.ts';
import { type CliContext, exitCodes } from './context.ts';
import { plural } from './describe.ts';
import { follow } from './follow.ts';
import type { Judge, Verdict } from './judge.ts';
import { rebalanceView } from './rebalance-view.ts';
import { openReportScreen } from './report-screen.ts';
import { renderTable } from './table.ts';

export interface RebalanceOptions {
  readonly services: readonly string[];
  /** Only say what would be moved. */
  readonly plan: boolean;
  /** End the one under way. */
  readonly stop: boolean;
  readonly detach: boolean;
  readonly timeoutMs: number;
}

const route = '/tutti/v1/rebalance';

/** `tutti rebalance [SERVICE…]`: evens services out over their nodes. */
export async function rebalance(context: CliContext, options: RebalanceOptions): Promise<number> {
  checkOptions(options);
  if (options.stop) return await stop(context);
  const { client, signal, json, output } = context;
  const { services } = options;
  const path = options.plan ? `${route}/plan` : route;
  const body = { services };
  const plan = await client.call<RebalancePlan>({ method: 'POST', path, body, signal });
  const before = await client.call<RebalanceReport>({ method: 'GET', path: route, signal });
  if (options.plan || options.detach || (plan.moves.length === 0 && !before.running)) {
    if (json) output.write(`${JSON.stringify({ ...plan, exitCode: exitCodes.success })}\n`);
    else tellPlan(context, { plan, begun: !options.plan && plan.moves.length > 0 });
    return exitCodes.success;
  }
  if (!json) tellKept(context, plan);
  const { report, exitCode } = await follow<RebalanceReport>(context, {
    path: `${route}/watch`,
    timeoutMs: options.timeoutMs,
    judge: new RebalanceJudge(),
    screen: openReportScreen(context, rebalanceView(plan.moves.length)),
    hint: 'tutti rebalance goes on to show it; tutti rebalance --stop ends it.',
  });
  if (json) output.write(`${JSON.stringify({ ...plan, ...report, exitCode })}\n`);
  else tellResult(context, { report, exitCode });
  return exitCode;
}

function checkOptions({ plan, stop: stops, detach, services }: RebalanceOptions): void {
  const given = [plan ? '--plan' : '', stops ? '--stop' : '', detach ? '--detach' : ''];
  const options = given.filter((option) => option !== '');
  if (options.length > 1) {
    throw new TuttiError('invalid-argument', `${options.join(' and ')} do not go together`, {
      field: options[0] ?? '',
      hint: '--plan changes nothing, --stop ends a rebalance, --detach does not wait for it.',
    });
  }
  if (stops && services.length > 0) {
    throw new TuttiError(
      'invalid-argument',
      '--stop: ends the whole rebalance, not services of it',
      {
        field: '--stop',
        hint: 'Leave the services out.',
      },
    );
  }
}

async function stop({ client, signal, json, output }: CliContext): Promise<number> {
  const { stopped } = await client.call<{ readonly stopped: readonly string[] }>({
    method: 'DELETE',
    path: route,
    signal,
  });
  if (json) output.write(`${JSON.stringify({ stopped, exitCode: exitCodes.success })}\n`);
  else if (stopped.length === 0) output.write('no rebalance is under way\n');
  else output.write(`stopped: ${stopped.join(', ')}\n`);
  return exitCodes.success;
}

class RebalanceJudge implements Judge<RebalanceReport> {
  #verdict: Verdict = 'waiting';

  observe({ running, services }: RebalanceReport): void {
    if (running) this.#verdict = 'waiting';
    else this.#verdict = services.some(({ state }) => state === 'stopped') ? 'hopeless' : 'done';
  }

  verdict(): Verdict {
    return this.#verdict;
  }
}

function tellPlan(
  context: CliContext,
  of: { readonly plan: RebalancePlan; readonly begun: boolean },
): void {
  const { output } = context;
  const { moves } = of.plan;
  if (moves.length === 0) output.write('nothing to move: tasks are spread as new ones would be\n');
  else {
    const rows = moves.map(({ service, slot, from, to, why }) => [
      `${service}.${slot}`,
      from,
      to,
      why,
    ]);
    output.write(renderTable(['TASK', 'FROM', 'TO', 'WHY'], rows, output.paint));
  }
  tellKept(context, of.plan);
  if (of.begun) output.note('begun; tutti rebalance shows it, tutti rebalance --stop ends it\n');
}

function tellKept({ output }: CliContext, { kept }: RebalancePlan): void {
  for (const { service, why } of kept) output.note(`${service} is left as it is: ${why}\n`);
}

function tellResult(
  { output }: CliContext,
  { report, exitCode }: { readonly report: RebalanceReport; readonly exitCode: number },
): void {
  const moved = report.services.reduce((sum, service) => sum + service.moved, 0);
  for (const service of report.services) {
    if (service.state === 'stopped') output.note(`${describeStop(service)}\n`);
  }
  if (exitCode === exitCodes.success) output.write(`balanced; ${plural(moved, 'task')} moved\n`);
  else if (exitCode === exitCodes.timeout) {
    const waiting = report.services.flatMap(({ service, waits }) =>
      waits === undefined ? [] : [`${service} waits: ${waits}\n`],
    );
    output.note(
      `not balanced yet, and goes on; ${plural(moved, 'task')} moved\n${waiting.join('')}` +
        'tutti rebalance --stop ends it.\n',
    );
  } else {
    output.note(`${plural(moved, 'task')} moved; tutti rebalance goes on where this ended\n`);
  }
}

function describeStop({ service, moved, message }: RebalancedService): string {
  return `${service} stopped after ${plural(moved, 'move')}: ${message ?? 'no reason is known'}`;
}
