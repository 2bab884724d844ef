import { TuttiError } from '../lib/error.ts';
import type { UpRequest } from '../playground/playground.ts';
import type { HostReport, PlaygroundReport } from '../playground/report.ts';
import { exitCodes } from './context.ts';
import type { PlaygroundContext } from './playground-context.ts';
import { renderTable } from './table.ts';

/** `tutti playground up`. */
export async function playgroundUp(
  context: PlaygroundContext,
  request: UpRequest,
): Promise<number> {
  const report = await context.playgrounds.up(request, progressOf(context));
  if (context.json) {
    context.output.write(`${JSON.stringify(report)}\n`);
    return exitCodes.success;
  }
  writeReport(context, report);
  context.output.note(`remove it with: tutti playground down --name ${report.name}\n`);
  return exitCodes.success;
}

/** `tutti playground ls`. */
export async function playgroundList(context: PlaygroundContext): Promise<number> {
  const reports = await context.playgrounds.list(context.name);
  if (context.json) {
    context.output.write(`${JSON.stringify(reports)}\n`);
    return exitCodes.success;
  }
  for (const report of reports) writeReport(context, report);
  if (reports.length === 0) context.output.note('no playground; tutti playground up makes one\n');
  return exitCodes.success;
}

/** `tutti playground exec HOST -- COMMAND`: ends with the exit code of the command. */
export async function playgroundExec(
  context: PlaygroundContext,
  { host, words }: { readonly host: string; readonly words: readonly string[] },
): Promise<number> {
  const [program, ...parameters] = words.slice(words.findIndex((word) => word !== '--'));
  if (program === undefined || program === '--') {
    throw new TuttiError('invalid-argument', 'command: which program is to run there?', {
      field: 'command',
      hint: 'tutti playground exec worker-1 -- docker ps',
    });
  }
  return await context.playgrounds.exec(context.name, { host, command: [program, ...parameters] });
}

/** `tutti playground down`. */
export async function playgroundDown(context: PlaygroundContext): Promise<number> {
  const removed = await context.playgrounds.down(context.name, progressOf(context));
  const { json, output } = context;
  if (json) output.write(`${JSON.stringify({ removed: removed ?? null })}\n`);
  else if (removed === undefined) output.note('there is nothing to remove\n');
  else output.write(`${removed} is gone\n`);
  return exitCodes.success;
}

function progressOf({ json, output, signal }: PlaygroundContext) {
  return {
    signal,
    note: (line: string): void => {
      if (!json) output.note(`${line}\n`);
    },
  };
}

/** A playground as a table, and what of its links is broken. */
export function writeReport({ output }: PlaygroundContext, report: PlaygroundReport): void {
  const { name, subnet, machineAddress, phase, cuts, losses, hosts } = report;
  const unfinished = phase === 'up' ? '' : `, ${phase}`;
  output.write(`${name}: ${subnet}, this machine is ${machineAddress}${unfinished}\n`);
  const header = ['HOST', 'ROLE', 'ADDRESS', 'STATE', 'API SOCKET'];
  const rows = hosts.map((host) => [
    host.name,
    host.role,
    host.address,
    describeState(host),
    host.apiSocket,
  ]);
  output.write(renderTable(header, rows, output.paint));
  for (const { from, to } of cuts) output.write(`${from} does not reach ${to}\n`);
  for (const { host, direction, ofTenThousand } of losses) {
    const way = direction === 'in' ? 'into' : 'out of';
    output.write(`${ofTenThousand / 100} % of the packets ${way} ${host} get lost\n`);
  }
}

function describeState({ state, pids }: HostReport): string {
  if (state !== 'degraded') return state;
  const missing = ['daemon', 'engine', 'containerd'].filter((part) => pids[part] === undefined);
  return `no ${missing.join(', ')}`;
}
