import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesLabels, matchesPrefix, parseFilters } from './filters.ts';

const allowed = ['name', 'label', '_up-to-date'];

test('filters come as a map of flags or as a list', () => {
  for (const text of ['{"name":{"web":true,"db":false}}', '{"name":["web"]}']) {
    assert.deepEqual([...parseFilters(text, allowed)], [['name', ['web']]]);
  }
  assert.equal(parseFilters('', allowed).size, 0);
  assert.equal(parseFilters(null, allowed).size, 0);
});

for (const [text, sentence] of [
  ['{"nmae":["x"]}', /^invalid filter 'nmae'$/],
  ['{', /^filters: must be a JSON object/],
  ['[]', /^filters: must be a JSON object/],
  ['"x"', /^filters: must be a JSON object/],
  ['{"name":"x"}', /^filters.name: must be/],
  ['{"name":[1]}', /^filters.name: must be/],
  ['{"name":{"x":"true"}}', /^filters.name: must be/],
  ['{"name":null}', /^filters.name: must be/],
] as const) {
  test(`${text} is refused`, () => {
    assert.throws(() => parseFilters(text, allowed), {
      code: 'invalid-argument',
      message: sentence,
    });
  });
}

test('a hint does not name the filters that only the CLI uses', () => {
  assert.throws(
    () => parseFilters('{"x":["y"]}', allowed),
    (error) =>
      error instanceof Error && 'hint' in error && error.hint === 'Known here: name, label.',
  );
});

test('labels must all match, with value or without; names match as prefixes, any of them', () => {
  const labels = { tier: 'web', empty: '', 'a=b': 'c' };
  const label = (...values: string[]) => new Map([['label', values]]);
  assert.ok(matchesLabels(label('tier'), 'label', labels));
  assert.ok(matchesLabels(label('tier=web', 'empty'), 'label', labels));
  assert.ok(matchesLabels(label('empty='), 'label', labels));
  assert.ok(!matchesLabels(label('tier=db'), 'label', labels));
  assert.ok(!matchesLabels(label('tier=web', 'zone'), 'label', labels));
  assert.ok(!matchesLabels(label('toString'), 'label', labels));
  const name = new Map([['name', ['we', 'db']]]);
  assert.ok(matchesPrefix(name, 'name', 'web'));
  assert.ok(!matchesPrefix(name, 'name', 'aweb'));
  assert.ok(matchesPrefix(new Map(), 'name', 'anything'));
});
