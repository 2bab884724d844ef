import { readLogFrames } from '../client/log-frames.ts';
import { TuttiError } from '../lib/error.ts';
import type { ServiceReport, StackReport } from '../model/report.ts';
import { type CliContext, exitCodes } from './context.ts';

export interface StackLogsOptions {
  readonly stack: string;
  /** Full or short name of one service; absent: all of them. */
  readonly service: string | undefined;
  readonly follow: boolean;
  readonly tail: string;
}

/**
 * `tutti stack logs STACK [SERVICE]`: what its containers print, each line after its service's
 * name.
 */
export async function stackLogs(context: CliContext, options: StackLogsOptions): Promise<number> {
  const stack = await context.client.call<StackReport>({
    method: 'GET',
    path: `/tutti/v1/stacks/${encodeURIComponent(options.stack)}`,
  });
  const services = stack.services.filter(
    (service) =>
      options.service === undefined ||
      service.name === options.service ||
      service.name === `${options.stack}_${options.service}`,
  );
  if (services.length === 0) {
    const known = stack.services.map((service) => service.name).join(', ');
    throw new TuttiError(
      'not-found',
      `the stack ${options.stack} has no service "${options.service ?? ''}"; it has ${known}`,
    );
  }
  await Promise.all(services.map((service) => serviceLogs(context, { ...options, service })));
  return context.signal.aborted ? exitCodes.interrupted : exitCodes.success;
}

async function serviceLogs(
  context: CliContext,
  options: Omit<StackLogsOptions, 'service'> & { readonly service: ServiceReport },
): Promise<void> {
  const { service } = options;
  const query = new URLSearchParams({
    stdout: '1',
    stderr: '1',
    follow: options.follow ? '1' : '0',
    tail: options.tail,
  });
  const bytes = context.client.bytes({
    method: 'GET',
    path: `/services/${service.id}/logs?${query.toString()}`,
    signal: context.signal,
  });
  try {
    for await (const { stream, text } of readLogFrames(bytes)) {
      const line = context.json
        ? `${JSON.stringify({ service: service.name, stream, line: text.trimEnd() })}\n`
        : `${service.name} | ${text}`;
      if (stream === 'stderr' && !context.json) context.output.note(line);
      else context.output.write(line);
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
}
