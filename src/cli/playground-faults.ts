import type { HostsRequest } from '../playground/playground.ts';
import type { PlaygroundReport } from '../playground/report.ts';
import { heal, type LossRequest, type Partition, partition, setLoss } from '../playground/state.ts';
import { exitCodes } from './context.ts';
import type { PlaygroundContext } from './playground-context.ts';
import { writeReport } from './playground-life.ts';

/** `tutti playground partition`. */
export async function partitionHosts(
  context: PlaygroundContext,
  request: Partition,
): Promise<number> {
  const { playgrounds, name } = context;
  return tell(
    context,
    await playgrounds.changeLinks(name, (state) => partition(state, request), context),
  );
}

/** `tutti playground loss`. */
export async function losePackets(
  context: PlaygroundContext,
  request: LossRequest,
): Promise<number> {
  const { playgrounds, name } = context;
  return tell(
    context,
    await playgrounds.changeLinks(name, (state) => setLoss(state, request), context),
  );
}

/** `tutti playground heal`. */
export async function healLinks(
  context: PlaygroundContext,
  hosts: readonly string[],
): Promise<number> {
  const { playgrounds, name } = context;
  return tell(context, await playgrounds.changeLinks(name, (state) => heal(state, hosts), context));
}

/** `tutti playground kill`, `freeze` and `start`. */
export async function changeHosts(
  context: PlaygroundContext,
  request: HostsRequest,
): Promise<number> {
  const { playgrounds, name } = context;
  return tell(context, await playgrounds.changeHosts(name, request, context));
}

function tell(context: PlaygroundContext, report: PlaygroundReport): number {
  if (context.json) context.output.write(`${JSON.stringify(report)}\n`);
  else writeReport(context, report);
  return exitCodes.success;
}
