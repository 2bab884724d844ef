import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CatalogTask } from '../model/assignment.ts';
import { FollowedPlaces } from './span-places.ts';

const nodes = new Map(
  ['here', 'a', 'b'].map((nodeId, index) => [nodeId, { nodeId, address: `192.0.2.${index}` }]),
);

function task(taskId: string, nodeId: string, address: string): CatalogTask {
  const addresses = [{ networkId: 'net', address: `${address}/24` }];
  return { taskId, serviceId: 's', nodeId, name: taskId, ready: true, addresses };
}

function placed(...tasks: readonly CatalogTask[]) {
  return {
    nodeId: 'here',
    nodes,
    networks: new Map(),
    tasks: new Map(tasks.map((one) => [one.taskId, one])),
  };
}

test('a task that is ready or is not is where it was: nothing is made anew', () => {
  const places = new FollowedPlaces();
  const one = task('one', 'a', '10.0.0.2');
  const before = places.of(placed(one));
  assert.equal(places.of(placed({ ...one, ready: false })), before);
});

test('what was shown stays as it was while tasks come and go', () => {
  const places = new FollowedPlaces();
  const before = places.of(placed(task('one', 'a', '10.0.0.2'))).elsewhere.get('net');
  places.of(placed(task('two', 'b', '10.0.0.3')));
  assert.deepEqual([...(before ?? [])], [['10.0.0.2', '192.0.2.1']]);
});

test('an address that two tasks have for a moment is the one’s that is left', () => {
  const [old, recent] = [task('one', 'a', '10.0.0.2'), task('two', 'b', '10.0.0.2')];
  for (const left of [old, recent]) {
    const places = new FollowedPlaces();
    places.of(placed(old));
    places.of(placed(old, recent));
    const of = (followed: FollowedPlaces) => [
      ...(followed.of(placed(left)).elsewhere.get('net') ?? []),
    ];
    assert.deepEqual(of(places), of(new FollowedPlaces()));
    assert.equal(of(places).length, 1);
  }
});

test('a node that gets another address takes its tasks along', () => {
  const places = new FollowedPlaces();
  const one = placed(task('one', 'a', '10.0.0.2'), task('own', 'here', '10.0.0.9'));
  places.of(one);
  const moved = new Map([...nodes, ['a', { nodeId: 'a', address: '192.0.2.99' }]]);
  const { here, elsewhere } = places.of({ ...one, nodes: moved });
  assert.deepEqual([...here], ['net']);
  assert.equal(elsewhere.get('net')?.get('10.0.0.2'), '192.0.2.99');
});
