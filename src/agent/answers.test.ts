import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Answers } from './answers.ts';

test('an only manager is waited for, whatever it answers', () => {
  const answers = new Answers();
  answers.opened(1_000);
  assert.equal(answers.silentAt, Number.POSITIVE_INFINITY);
});

test('one of several has two seconds for each answer', () => {
  const answers = new Answers();
  answers.managerCount = 3;
  answers.opened(1_000);
  assert.equal(answers.silentAt, 3_000);
  answers.heard();
  answers.answered(2_500);
  assert.equal(answers.silentAt, 4_500);
});

test('answers to datagrams say nothing of a session in which nothing was said', () => {
  const answers = new Answers();
  answers.managerCount = 3;
  answers.opened(1_000);
  answers.heard();
  answers.opened(6_000);
  answers.answered(8_000);
  assert.equal(answers.silentAt, 8_000);
});
