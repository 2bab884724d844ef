import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTemplated } from './secret.ts';

test('only a named templating driver makes a template', () => {
  const spec = { name: 's', labels: {} };
  assert.equal(isTemplated(spec), false);
  assert.equal(isTemplated({ ...spec, templating: { name: '', options: {} } }), false);
  assert.equal(isTemplated({ ...spec, templating: { name: 'golang', options: {} } }), true);
});
