import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findNewerField } from './newer-fields.ts';

const container = (host: object, more: object = {}) => ({
  Image: 'bb:1',
  HostConfig: host,
  ...more,
});

for (const [document, spoken, field] of [
  [container({ Annotations: { a: 'b' } }), 41, 'HostConfig.Annotations'],
  [container({ annotations: { a: 'b' } }), 41, 'HostConfig.annotations'],
  [container({ Annotations: { a: 'b' } }), 43, undefined],
  [container({ Annotations: {} }), 41, undefined],
  [container({ Annotations: null }), 41, undefined],
  [
    container({ Mounts: [{ Type: 'bind' }, { VolumeOptions: { Subpath: 'x' } }] }),
    41,
    'HostConfig.Mounts[1].VolumeOptions.Subpath',
  ],
  [container({}, { Healthcheck: { StartInterval: 5 } }), 41, 'Healthcheck.StartInterval'],
  [container({}, { Healthcheck: { StartInterval: 0 } }), 41, undefined],
  [
    container({}, { NetworkingConfig: { EndpointsConfig: { n: { GwPriority: 3 } } } }),
    47,
    'NetworkingConfig.EndpointsConfig.n.GwPriority',
  ],
  ['no object', 41, undefined],
  [null, 41, undefined],
] as const) {
  test(`${JSON.stringify(document)} at 1.${spoken}: ${field ?? 'nothing newer'}`, () => {
    assert.equal(findNewerField(document, spoken), field);
  });
}
