import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as contact from './contact.ts';

const second = 1_000;

test('an agent that starts gives a manager five seconds', () => {
  assert.equal(contact.aloneFrom(contact.noContact(0)), 5 * second);
});

test('an agent with a session is never alone, whether anybody speaks or not', () => {
  const greeting = contact.opened(contact.noContact(0), 60 * second);
  assert.equal(contact.aloneFrom(greeting), undefined);
  assert.equal(contact.aloneFrom(contact.heard(greeting, { now: 61 * second })), undefined);
});

test('a session that breaks leaves a manager the time to restart', () => {
  const held = contact.heard(contact.noContact(0), { now: 60 * second });
  assert.equal(contact.aloneFrom(contact.ended(held, 61 * second)), 66 * second);
});

test('a manager that went silent has had its time', () => {
  const held = contact.heard(contact.noContact(0), { now: 60 * second });
  assert.equal(contact.silentAt(held), 75 * second);
  assert.equal(contact.aloneFrom(contact.ended(held, 75 * second)), 75 * second);
});

test('how long a silence may last follows the period of the manager, within bounds', () => {
  const silentAfter = (periodMs: number): number =>
    contact.silentAt(contact.heard(contact.noContact(0), { now: 0, periodMs }));
  assert.equal(silentAfter(2 * second), 6 * second);
  assert.equal(silentAfter(10), 3 * second);
  assert.equal(silentAfter(60 * second), 15 * second);
  const later = contact.heard(contact.heard(contact.noContact(0), { now: 0, periodMs: 1_000 }), {
    now: second,
  });
  assert.equal(contact.silentAt(later), 4 * second);
});

test('a session in which nobody speaks changes nothing, and is ended', () => {
  const alone = contact.noContact(0);
  const greeting = contact.opened(alone, 60 * second);
  assert.equal(contact.silentAt(greeting), 70 * second);
  assert.deepEqual(contact.ended(greeting, 70 * second), alone);
});
