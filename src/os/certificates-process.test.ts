import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { CertificatesProcess } from './certificates-process.ts';

const times = { notBefore: 0, notAfter: 1_000_000_000 };

/** A child that runs the given script instead of the one that makes certificates. */
function childRunning(script: string, idleMs?: number): CertificatesProcess {
  const command = [process.execPath, '--eval', script] as const;
  return new CertificatesProcess({ command, ...(idleMs === undefined ? {} : { idleMs }) });
}

const echo = `
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const made = { certificate: JSON.parse(line).asks.notAfter + ' by ' + process.pid };
    console.log(JSON.stringify({ kind: 'made', made }));
  });`;

test('questions are answered in their order by one child', async () => {
  const child = childRunning(echo);
  const asked = [1, 2, 3].map((notAfter) => child.ask('root', { notBefore: 0, notAfter }));
  const answers = (await Promise.all(asked)).map(({ certificate }) => certificate.split(' by '));
  assert.deepEqual(
    answers.map(([question]) => question),
    ['1', '2', '3'],
  );
  assert.equal(new Set(answers.map(([, pid]) => pid)).size, 1);
  child.close();
});

test('a child that nobody needs any more is gone, and the next question has a new one', async () => {
  const child = childRunning(echo, 1);
  const first = await child.ask('root', times);
  while (child.isRunning) await delay(1);
  const second = await child.ask('root', times);
  assert.notEqual(first.certificate, second.certificate);
  child.close();
});

test('a child that dies fails every question that waits, with its last words', async () => {
  const child = childRunning(`
    process.stdin.once('data', () => { console.error('out of paper'); process.exitCode = 7;
      process.stdin.destroy(); });`);
  const asked = [child.ask('root', times), child.ask('root', times)];
  for (const settled of await Promise.allSettled(asked)) {
    assert.ok(settled.status === 'rejected');
    assert.match(String(settled.reason), /ended with 7: out of paper/);
  }
  assert.equal(child.isRunning, false);
});

test('what the child refuses is refused with its code and sentence', async () => {
  const child = childRunning(`
    process.stdin.on('data', () => console.log(JSON.stringify(
      { kind: 'failed', code: 'invalid-argument', message: 'no request' })));`);
  await assert.rejects(child.ask('root', times), {
    code: 'invalid-argument',
    message: 'no request',
  });
  child.close();
});

test('a program that is not there is said so', async () => {
  const child = new CertificatesProcess({ command: ['/nowhere/node'] });
  await assert.rejects(child.ask('root', times), { code: 'unavailable', message: /ENOENT/ });
});

test('a child that talks nonsense is no answer', async () => {
  const child = childRunning(`process.stdin.on('data', () => console.log('hello'));`);
  await assert.rejects(child.ask('root', times), { message: /its answer is no JSON/ });
  child.close();
});

test('closing ends the child', async () => {
  const child = childRunning(echo);
  const { certificate } = await child.ask('root', times);
  const pid = Number(certificate.split(' by ')[1]);
  assert.ok(isAlive(pid));
  child.close();
  while (isAlive(pid)) await delay(1);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
