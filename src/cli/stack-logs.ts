import { type LogChunk, readLogFrames } from '../client/log-frames.ts';
import { TuttiError } from '../lib/error.ts';
import type { ServiceReport, StackReport } from '../model/report.ts';
import { type CliContext, exitCodes } from './context.ts';

export interface StackLogsOptions {
  readonly stack: string;
  /** Full or short name of one service; absent: all of them. */
  readonly service: string | undefined;
  readonly follow: boolean;
  /** Lines from the end of each task, or `all`. */
  readonly tail: string;
  readonly timestamps: boolean;
  /** Unix seconds. */
  readonly since: string | undefined;
}

/**
 * `tutti stack logs STACK [SERVICE]`: what its containers print, each line after the name of its
 * task.
 */
export async function stackLogs(context: CliContext, options: StackLogsOptions): Promise<number> {
  const stack = await context.client.call<StackReport>({
    method: 'GET',
    path: `/tutti/v1/stacks/${encodeURIComponent(options.stack)}`,
    signal: context.signal,
  });
  const services = stack.services.filter(
    (service) =>
      options.service === undefined ||
      service.name === options.service ||
      service.name === `${options.stack}_${options.service}`,
  );
  if (services.length === 0 && options.service !== undefined) {
    const known = stack.services.map((service) => service.name).join(', ');
    throw new TuttiError(
      'not-found',
      `the stack ${options.stack} has no service "${options.service}"`,
      { field: 'service', hint: known === '' ? 'It has none.' : `It has ${known}.` },
    );
  }
  const tasks = new TaskNames(context, stack);
  await Promise.all(
    services.map((service) => serviceLogs(context, { ...options, service, tasks })),
  );
  return context.signal.aborted ? exitCodes.interrupted : exitCodes.success;
}

async function serviceLogs(
  context: CliContext,
  options: Omit<StackLogsOptions, 'service'> & {
    readonly service: ServiceReport;
    readonly tasks: TaskNames;
  },
): Promise<void> {
  const { service, tasks } = options;
  const query = new URLSearchParams({
    stdout: '1',
    stderr: '1',
    details: '1',
    timestamps: options.timestamps ? '1' : '0',
    follow: options.follow ? '1' : '0',
    tail: options.tail,
    ...(options.since !== undefined && { since: options.since }),
  });
  const path = `/services/${service.id}/logs?${query.toString()}`;
  try {
    const reply = await context.client.open({ method: 'GET', path, signal: context.signal });
    const isRaw = reply.contentType.includes('raw-stream');
    const chunks = isRaw ? readLines(reply.bytes) : readLogFrames(reply.bytes);
    for await (const { stream, text } of chunks) {
      const { taskId, time, line } = takeApart(text, options.timestamps);
      const task = await tasks.nameOf(taskId, service);
      writeLine(context, { service: service.name, task, stream, line, time });
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
}

/** The output of a terminal has no frames: each line begins with its details. */
async function* readLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<LogChunk> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) yield { stream: 'stdout', text };
  }
  if (rest !== '') yield { stream: 'stdout', text: rest };
}

interface LogLine {
  readonly service: string;
  readonly task: string;
  readonly stream: 'stdout' | 'stderr';
  readonly line: string;
  readonly time?: string | undefined;
}

function writeLine({ json, output }: CliContext, said: LogLine): void {
  const { task, stream, time } = said;
  const line = said.line.replace(/\r?\n?$/, '');
  if (json) {
    output.write(`${JSON.stringify({ ...said, line })}\n`);
    return;
  }
  const isError = stream === 'stderr';
  const paint = isError ? output.notePaint : output.paint;
  const text = `${paint('cyan', `${task} |`)} ${time === undefined ? '' : `${time} `}${line}\n`;
  if (isError) output.note(text);
  else output.write(text);
}

/** `[TIME ]key=value,… LINE`: what stands before a line where details were asked for. */
function takeApart(
  text: string,
  withTime: boolean,
): { readonly taskId: string; readonly time?: string; readonly line: string } {
  const [first = '', second = ''] = text.split(' ', 2);
  const details = withTime ? second : first;
  const skipped = (withTime ? first.length + 1 : 0) + details.length + 1;
  const taskId = /com\.docker\.swarm\.task\.id=([^,]*)/.exec(details)?.[1] ?? '';
  return { taskId, line: text.slice(skipped), ...(withTime && { time: first }) };
}

/** `service.slot` of tasks by id; those that the report lacks are asked for, once each. */
class TaskNames {
  readonly #context: CliContext;
  readonly #names: Map<string, string | Promise<string>>;

  constructor(context: CliContext, stack: StackReport) {
    this.#context = context;
    this.#names = new Map(stack.tasks.map((task) => [task.id, task.name]));
  }

  async nameOf(taskId: string, service: ServiceReport): Promise<string> {
    const known = this.#names.get(taskId) ?? this.#ask(taskId, service);
    this.#names.set(taskId, known);
    return await known;
  }

  async #ask(taskId: string, service: ServiceReport): Promise<string> {
    try {
      const { Slot, NodeID } = await this.#context.client.call<{
        readonly Slot?: number;
        readonly NodeID?: string;
      }>({ method: 'GET', path: `/tasks/${taskId}` });
      return `${service.name}.${Slot ?? NodeID ?? taskId}`;
    } catch (reason) {
      // It went meanwhile; its lines are worth more than its number.
      if (TuttiError.from(reason).code === 'not-found') return `${service.name}.${taskId}`;
      throw reason;
    }
  }
}
