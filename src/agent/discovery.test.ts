import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeNetwork } from '../host/node-network.ts';
import { Discovery } from './discovery.ts';
import { NodeState } from './node-state.ts';

const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };

function discoveryWith(apply: () => Promise<void>): Discovery {
  return new Discovery({
    nodeId: () => 'n',
    state: new NodeState(),
    network: { apply } as Partial<NodeNetwork> as NodeNetwork,
    logger,
    settled: async () => undefined,
    isReady: () => false,
    reasonOf: quiet,
    hostnameOf: quiet,
    isContainerRunning: () => undefined,
    publications: () => [],
  });
}

test('what could not be shown is not said to be shown', async () => {
  let isFailing = true;
  const discovery = discoveryWith(async () => {
    if (isFailing) throw new Error('nft failed');
  });
  assert.equal(await discovery.apply(), false);
  isFailing = false;
  assert.equal(await discovery.apply(), true);
});
