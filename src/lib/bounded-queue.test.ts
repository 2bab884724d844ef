import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedQueue } from './bounded-queue.ts';
import { TuttiError } from './error.ts';

test('a producer waits while the queue is full and goes on when there is room', async () => {
  const queue = new BoundedQueue<number>(2);
  await queue.push(1);
  let accepted = false;
  const waiting = queue.push(2).then(() => {
    accepted = true;
  });
  await Promise.resolve();
  assert.equal(accepted, false);
  const consumer = queue[Symbol.asyncIterator]();
  assert.deepEqual(await consumer.next(), { value: 1, done: false });
  await waiting;
  assert.equal(accepted, true);
});

test('a closed queue hands out what is left and then ends', async () => {
  const queue = new BoundedQueue<number>(8);
  await queue.push(1);
  await queue.push(2);
  queue.close();
  const got: number[] = [];
  for await (const item of queue) got.push(item);
  assert.deepEqual(got, [1, 2]);
  await assert.rejects(queue.push(3), { code: 'unavailable' });
});

test('a failed queue throws at the consumer and at waiting producers', async () => {
  const queue = new BoundedQueue<number>(1);
  const waiting = queue.push(1);
  queue.fail(new TuttiError('unavailable', 'the link broke'));
  await assert.rejects(waiting, /the link broke/);
  await assert.rejects(queue[Symbol.asyncIterator]().next(), /the link broke/);
});
