import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDataName, checkDnsName, inventName } from './names.ts';

for (const name of ['a', 'web', 'st_web', 'a-b_c9', 'A', '9', 'a'.repeat(63)]) {
  test(`${name} is a service's name`, () => checkDnsName(name));
}

const bad = ['', '-bad-', 'bad-', '_x', 'a.b', 'a b', 'a/b', '../x', 'a;b', 'a$(x)', 'ä'];
for (const name of [...bad, 'a'.repeat(64), `${'a'.repeat(62)}!`]) {
  test(`${JSON.stringify(name)} is no service's name`, () => {
    assert.throws(() => checkDnsName(name), { code: 'invalid-argument', message: /name must be/ });
  });
}

for (const name of [undefined, '', '-a', 'a-', 'a/b', 'a b', 'a'.repeat(65)]) {
  test(`${JSON.stringify(name)} is no secret's name`, () => {
    assert.throws(() => checkDataName(name), { code: 'invalid-argument', message: /name/ });
  });
}

test("secrets' names may hold dots", () => {
  assert.equal(checkDataName('tls.key-1_a'), 'tls.key-1_a');
});

test('an invented name is a valid one', () => {
  for (const fraction of [0, 0.5, 0.999]) checkDnsName(inventName(() => fraction));
});
