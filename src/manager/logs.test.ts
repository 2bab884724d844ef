import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { MessageStream } from '../host/transport.ts';
import type { LogQuery } from '../model/log.ts';
import type { LogMessage, ManagerMessage } from '../wire/messages.ts';
import type { TaskLogFrame } from './control-plane.ts';

const query: LogQuery = { stdout: true, stderr: true, follow: false };
const never = new AbortController().signal;

function line(text: string): LogMessage {
  return { kind: 'frame', frame: { stream: 'stdout', timestamp: '', data: btoa(`${text}\n`) } };
}

type LogRequest = Extract<ManagerMessage, { kind: 'logs' }>;

async function running(replicas: number): Promise<{
  readonly world: ManagerWorld;
  readonly taskIds: readonly string[];
  readonly requests: () => readonly LogRequest[];
  readonly cancelled: () => readonly string[];
  readonly upload: (requestId: string) => Promise<MessageStream<LogMessage, never>>;
  readonly disconnect: () => void;
}> {
  const { world, agent } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', replicas));
  await world.settle();
  const transport = world.transport.agent();
  return {
    world,
    taskIds: world.liveTasks(service).map((task) => task.id),
    requests: () => agent.heard.filter((message) => message.kind === 'logs'),
    cancelled: () =>
      agent.heard.flatMap((message) => (message.kind === 'cancel' ? [message.requestId] : [])),
    upload: async (requestId) => await transport.openLogs(requestId, never),
    disconnect: () => agent.disconnect(),
  };
}

async function collect(frames: AsyncIterable<TaskLogFrame>): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { task, frame } of frames) {
    lines.push(`${task.slot}: ${atob(frame.data).trimEnd()}`);
  }
  return lines;
}

test('the lines of several tasks come together, those of each task in order', async () => {
  const { world, taskIds, requests, upload } = await running(2);
  const lines = collect(world.control.logs(taskIds, { query, signal: never }));
  await world.settle();
  const [first, second] = requests();
  assert.ok(first && second);
  const one = await upload(first.requestId);
  const two = await upload(second.requestId);
  await one.send(line('a'));
  await two.send(line('b'));
  await one.send(line('c'));
  one.close();
  two.close();
  assert.deepEqual((await lines).toSorted(), ['1: a', '1: c', '2: b']);
});

test('a log that cannot be had is left out while another one can', async () => {
  const { world, taskIds, requests, upload } = await running(2);
  const lines = collect(world.control.logs(taskIds, { query, signal: never }));
  await world.settle();
  const [first, second] = requests();
  assert.ok(first && second);
  const one = await upload(first.requestId);
  await one.send({ kind: 'failed', message: 'the container is gone' });
  const two = await upload(second.requestId);
  await two.send(line('b'));
  two.close();
  assert.deepEqual(await lines, ['2: b']);
});

test('where no log can be had the reader is told why', async () => {
  const { world, taskIds, requests, upload } = await running(1);
  const lines = collect(world.control.logs(taskIds, { query, signal: never }));
  const refused = assert.rejects(lines, /the container is gone/);
  await world.settle();
  const one = await upload(requests()[0]?.requestId ?? '');
  await one.send({ kind: 'failed', message: 'the container is gone' });
  await refused;
});

test('a reader that goes away cancels what it asked for', async () => {
  const { world, taskIds, requests, cancelled, upload } = await running(1);
  const stop = new AbortController();
  const follow = { ...query, follow: true };
  const lines = collect(world.control.logs(taskIds, { query: follow, signal: stop.signal }));
  await world.settle();
  const [request] = requests();
  assert.ok(request);
  assert.equal(request.query.follow, true);
  const stream = await upload(request.requestId);
  await stream.send(line('a'));
  await world.settle();
  stop.abort();
  assert.deepEqual(await lines, ['1: a']);
  await world.settle();
  assert.deepEqual(cancelled(), [request.requestId]);
});

test('an agent waits for a reader that is slow', async () => {
  const { world, taskIds, requests, upload } = await running(1);
  const frames = world.control.logs(taskIds, { query, signal: never })[Symbol.asyncIterator]();
  const first = frames.next();
  await world.settle();
  const stream = await upload(requests()[0]?.requestId ?? '');
  let sent = 0;
  const sending = (async () => {
    for (; sent < 2_000; sent += 1) await stream.send(line(String(sent)));
    stream.close();
  })();
  await first;
  await world.settle();
  assert.ok(sent < 1_000, `${sent} lines were taken though nobody read them`);
  let read = 1;
  while ((await frames.next()).done !== true) read += 1;
  await sending;
  assert.equal(read, 2_000);
});

test('a node that is not connected, or falls silent, is named', async () => {
  const silent = await running(1);
  const waiting = assert.rejects(
    collect(silent.world.control.logs(silent.taskIds, { query, signal: never })),
    /node node-1 did not send the log/,
  );
  await silent.world.pass(11_000);
  await waiting;
  silent.disconnect();
  await silent.world.settle();
  await assert.rejects(
    collect(silent.world.control.logs(silent.taskIds, { query, signal: never })),
    /node node-1 is not connected/,
  );
});

test('a task without a node has no log, and too many logs at once are refused', async () => {
  const { world } = await running(1);
  assert.deepEqual(await collect(world.control.logs(['nope'], { query, signal: never })), []);
  const many = Array.from({ length: 513 }, (_, index) => String(index));
  await assert.rejects(collect(world.control.logs(many, { query, signal: never })), {
    code: 'resource-exhausted',
  });
});
