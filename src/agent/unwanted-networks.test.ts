import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnwantedNetworks } from './unwanted-networks.ts';

const nextTurn = async (): Promise<void> => {
  for (let count = 0; count < 10; count += 1) await Promise.resolve();
};

/** A container engine that answers when it is told to. */
function frozenEngine() {
  const asked: string[] = [];
  const errors: string[] = [];
  let answer = Promise.withResolvers<boolean>();
  const quiet = () => undefined;
  const networks = new UnwantedNetworks({
    logger: { debug: quiet, info: quiet, warn: quiet, error: (text) => void errors.push(text) },
    remove: async (networkId) => {
      asked.push(networkId);
      return await answer.promise;
    },
  });
  const settle = async (outcome: boolean | Error): Promise<void> => {
    if (outcome instanceof Error) answer.reject(outcome);
    else answer.resolve(outcome);
    answer = Promise.withResolvers();
    await nextTurn();
  };
  return { networks, asked, errors, settle };
}

test('nobody waits for an engine that does not answer, but who wants that network', async () => {
  const { networks, asked, settle } = frozenEngine();
  networks.remove();
  networks.compare(['one', 'two', 'three'], ['three']);
  networks.remove();
  networks.remove();
  assert.deepEqual(asked, ['one']);
  await networks.settled('two');
  networks.want('two');
  let isSettled = false;
  const settled = networks.settled('one').then(() => (isSettled = true));
  await nextTurn();
  assert.equal(isSettled, false);
  await settle(true);
  await settled;
  networks.remove();
  await nextTurn();
  assert.deepEqual(asked, ['one']);
});

test('they go one after the other; what could not go is tried again', async () => {
  const { networks, asked, errors, settle } = frozenEngine();
  networks.compare(['one', 'two'], []);
  networks.remove();
  await settle(false);
  assert.deepEqual(asked, ['one', 'two']);
  // A container on the first one ended meanwhile.
  networks.remove();
  await settle(true);
  assert.deepEqual(asked, ['one', 'two', 'one']);
  await settle(new Error('gone mad'));
  assert.equal(errors.length, 1);
  networks.remove();
  const cleared = networks.clear();
  await settle(false);
  await cleared;
  networks.remove();
  await nextTurn();
  assert.deepEqual(asked, ['one', 'two', 'one', 'one']);
});
