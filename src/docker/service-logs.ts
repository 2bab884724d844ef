import { TuttiError } from '../lib/error.ts';
import type { HttpReply } from '../host/http.ts';
import type { LogQuery } from '../model/log.ts';
import type { Task } from '../model/task.ts';
import type { TaskLogFrame } from '../manager/control-plane.ts';
import type { ManagerContext } from './manager-context.ts';
import { type DockerRequest, queryFlag } from './request.ts';

const multiplexedSince = 42;

/**
 * Streams the output of tasks as `docker service logs` reads it: one frame for each line, whose
 * details say which task it comes from (moby daemon/logger, docker/cli service/logs.go).
 */
export function serviceLogs(
  context: ManagerContext,
  from: { readonly request: DockerRequest; readonly tasks: readonly Task[] },
): HttpReply {
  const { request, tasks } = from;
  const query = parseQuery(request);
  const options = {
    timestamps: queryFlag(request, 'timestamps'),
    details: queryFlag(request, 'details'),
    raw: tasks.length > 0 && tasks.every((task) => hasTerminal(context, task)),
  };
  const lines = context.controlPlane.logs(
    tasks.map((task) => task.id),
    { query, signal: request.http.signal },
  );
  return {
    kind: 'stream',
    status: 200,
    headers: contentType(request.version, options.raw),
    chunks: writeFrames(lines, options),
  };
}

function contentType(version: number, raw: boolean): Readonly<Record<string, string>> {
  if (version < multiplexedSince) return {};
  const kind = raw ? 'raw' : 'multiplexed';
  return { 'Content-Type': `application/vnd.docker.${kind}-stream` };
}

function hasTerminal(context: ManagerContext, task: Task): boolean {
  const template = context.controlPlane.view.templates.get(task.templateId);
  return template?.spec.containers[0]?.tty === true;
}

function parseQuery(request: DockerRequest): LogQuery {
  const stdout = queryFlag(request, 'stdout');
  const stderr = queryFlag(request, 'stderr');
  if (!stdout && !stderr) {
    throw new TuttiError(
      'invalid-argument',
      'Bad parameters: you must choose at least one stream: stdout or stderr',
      { field: 'stdout' },
    );
  }
  const tail = request.http.query.get('tail') ?? 'all';
  if (tail !== 'all' && tail !== '' && !/^\d{1,9}$/.test(tail)) {
    throw new TuttiError('invalid-argument', `tail: must be all or a number, not ${tail}`, {
      field: 'tail',
    });
  }
  return {
    stdout,
    stderr,
    follow: queryFlag(request, 'follow'),
    ...(tail === 'all' || tail === '' ? {} : { tail: Number(tail) }),
    ...parseInstant(request, 'since'),
    ...parseInstant(request, 'until'),
  };
}

function parseInstant(
  request: DockerRequest,
  name: 'since' | 'until',
): Partial<Pick<LogQuery, 'since' | 'until'>> {
  const text = request.http.query.get(name) ?? '';
  if (text === '' || text === '0') return {};
  if (!/^\d{1,12}(?:\.\d{1,9})?$/.test(text)) {
    throw new TuttiError('invalid-argument', `${name}: must be Unix seconds, not ${text}`, {
      field: name,
    });
  }
  return { [name]: text };
}

interface FrameOptions {
  readonly timestamps: boolean;
  readonly details: boolean;
  /** A terminal's output has no frames. */
  readonly raw: boolean;
}

const headerBytes = 8;

async function* writeFrames(
  lines: AsyncIterable<TaskLogFrame>,
  options: FrameOptions,
): AsyncGenerator<Uint8Array> {
  for await (const { task, frame } of lines) {
    const prefix =
      (options.timestamps ? `${padTimestamp(frame.timestamp)} ` : '') +
      (options.details ? `${detailsOf(task)} ` : '');
    const content = Uint8Array.fromBase64(frame.data);
    const head = new TextEncoder().encode(prefix);
    yield options.raw
      ? join([head, content])
      : join([frameHeader(frame.stream, head.byteLength + content.byteLength), head, content]);
  }
}

function frameHeader(stream: 'stdout' | 'stderr', sizeBytes: number): Uint8Array {
  const header = new Uint8Array(headerBytes);
  header[0] = stream === 'stdout' ? 1 : 2;
  new DataView(header.buffer).setUint32(4, sizeBytes);
  return header;
}

/** The CLI aborts where one of the three is missing. */
function detailsOf(task: Task): string {
  const details = {
    'com.docker.swarm.node.id': task.nodeId ?? '',
    'com.docker.swarm.service.id': task.serviceId,
    'com.docker.swarm.task.id': task.id,
  };
  return Object.entries(details)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .join(',');
}

/**
 * Nine digits behind the point, so that lines of several tasks stand in columns and sort as text.
 */
function padTimestamp(timestamp: string): string {
  const parts = /^(.*?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/.exec(timestamp);
  if (parts === null) return timestamp;
  return `${parts[1] ?? ''}.${(parts[2] ?? '').padEnd(9, '0')}${parts[3] ?? ''}`;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sizeBytes, part) => sizeBytes + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
