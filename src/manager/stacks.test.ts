import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import { stackLabel } from '../model/labels.ts';
import type { ServiceDeclaration } from '../model/service.ts';
import type { StackChange, StackDeclaration } from '../model/stack.ts';
import { overlayNetwork } from '../../sim/overlay-network.ts';

const labels = { [stackLabel]: 'app' };

const network = overlayNetwork('app_default', { labels });

const secretFile = {
  sourceId: 'app_key',
  sourceName: 'app_key',
  target: 'key',
  uid: '0',
  gid: '0',
  mode: 0o444,
};

function service(name: string, replicas: number, image = 'bb:1'): ServiceDeclaration {
  return declare(`app_${name}`, replicas, {
    spec: { labels },
    container: { image, secrets: [secretFile], env: ['PASSWORD=one'] },
    template: { networks: [{ networkId: 'app_default', aliases: [name], driverOptions: {} }] },
  });
}

const app: StackDeclaration = {
  name: 'app',
  networks: [network],
  secrets: [{ spec: { name: 'app_key', labels }, data: btoa('key') }],
  configs: [],
  services: [service('web', 2), service('db', 1)],
};

function actions(changes: readonly StackChange[]): readonly string[] {
  return changes.map((change) => `${change.action} ${change.kind} ${change.name}`);
}

test('a stack comes in one commit, with everything that it needs to run', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const changes = await world.control.deployStack(app, { prune: false });
  assert.deepEqual(actions(changes), [
    'create network app_default',
    'create secret app_key',
    'create service app_web',
    'create service app_db',
  ]);
  await world.settle();
  const [commit] = world.commits;
  const tasks = commit?.changes.filter((change) => change.table === 'tasks');
  assert.equal(tasks?.length, 3);
  assert.equal(agent.tasks.length, 3);
  assert.equal(agent.view.data.size, 1);
  assert.equal(agent.view.catalogTasks.size, 3);
});

test('deploying the same stack again keeps everything and writes nothing', async () => {
  const { world } = await ManagerWorld.withCluster();
  await world.control.deployStack(app, { prune: false });
  await world.settle();
  const { revision } = world.control.view;
  const changes = await world.control.deployStack(app, { prune: true });
  assert.deepEqual(
    changes.map((change) => change.action),
    ['keep', 'keep', 'keep', 'keep'],
  );
  await world.settle();
  assert.equal(world.control.view.revision, revision);
});

test('a forced update is no part of the document, and stays through its deploys', async () => {
  const { world } = await ManagerWorld.withCluster();
  await world.control.deployStack(app, { prune: false });
  await world.settle();
  const [db] = world.control.view.services.by('name', 'app_db');
  assert.ok(db);
  const template = world.control.view.templates.get(db.templateId)?.spec;
  assert.ok(template);
  const forced = { spec: db.spec, template: { ...template, forceUpdate: 1 } };
  await world.control.updateService(db.id, forced, { version: db.version });
  const changes = await world.control.deployStack(app, { prune: false });
  assert.equal(changes.at(-1)?.action, 'keep');
});

test('a paused update goes on when the stack is deployed again', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  await world.control.deployStack(app, { prune: false });
  await world.settle();
  const newer = { ...app, services: [service('web', 2, 'bb:2'), service('db', 1)] };
  await world.control.deployStack(newer, { prune: false });
  await world.settle();
  const webRow = () => [...world.control.view.services.by('name', 'app_web')][0];
  const stateOf = () => webRow()?.update?.state;
  const reason = {
    code: 'exited-with-error',
    message: 'exit 1',
    since: world.clock.now(),
  } as const;
  const first = agent.tasks.find((task) => task.templateId === webRow()?.templateId);
  await agent.report(first?.taskId ?? '', { state: 'failed', reason });
  await world.settle();
  assert.equal(stateOf(), 'paused');
  const changes = await world.control.deployStack(newer, { prune: false });
  const web = changes.find((change) => change.name === 'app_web');
  assert.equal(web?.action, 'update');
  assert.deepEqual(web?.differences, ['the paused update goes on']);
  await world.settle();
  assert.notEqual(stateOf(), 'paused');
});

test('what a deploy changes is told in short sentences, without any secret in them', async () => {
  const { world } = await ManagerWorld.withCluster();
  await world.control.deployStack(app, { prune: false });
  const web = declare('app_web', 3, {
    spec: {
      labels,
      ports: [{ protocol: 'tcp', targetPort: 80, publishedPort: 8080, mode: 'ingress' }],
    },
    container: { image: 'bb:2', env: ['PASSWORD=two', 'MODE=x'] },
    template: { networks: [{ networkId: 'app_default', aliases: ['web'], driverOptions: {} }] },
  });
  const changes = await world.control.deployStack({ ...app, services: [web] }, { prune: true });
  assert.deepEqual(actions(changes).slice(2), ['update service app_web', 'remove service app_db']);
  assert.deepEqual(changes[2]?.differences, [
    'mode: 2 replicas → 3 replicas',
    'image: bb:1 → bb:2',
    'environment: PASSWORD changed, +MODE',
    'secrets: -app_key:key',
    'ports: +8080:80/tcp',
  ]);
});

test('without prune what the document does not name stays', async () => {
  const { world } = await ManagerWorld.withCluster();
  await world.control.deployStack(app, { prune: false });
  const fewer = { ...app, services: [service('web', 2)] };
  const changes = await world.control.deployStack(fewer, { prune: false });
  assert.equal(
    changes.some((change) => change.name === 'app_db'),
    false,
  );
  assert.equal(world.control.view.services.size, 2);
});

test('a plan says what would change and where tasks would go, and changes nothing', async () => {
  const { world } = await ManagerWorld.withCluster();
  const { revision } = world.control.view;
  const picky = declare('app_picky', 1, {
    spec: {
      labels,
      placement: {
        constraints: ['node.labels.gpu==yes'],
        preferences: [],
        maxReplicasPerNode: 0,
        platforms: [],
      },
    },
  });
  const planned = await world.control.planStack(
    { ...app, services: [service('web', 2), picky] },
    { prune: false },
  );
  assert.deepEqual(actions(planned.changes).slice(2), [
    'create service app_web',
    'create service app_picky',
  ]);
  const placed = { kind: 'placed', nodeId: 'node-1', nodeName: 'vm' };
  assert.deepEqual(planned.tasks.slice(0, 2), [
    { service: 'app_web', slot: 1, outcome: placed },
    { service: 'app_web', slot: 2, outcome: placed },
  ]);
  const refused = planned.tasks[2]?.outcome;
  assert.equal(refused?.kind === 'unplaced' && refused.reason.code, 'constraint-unmet');
  await world.settle();
  assert.equal(world.control.view.revision, revision);
  assert.equal(world.control.view.services.size, 0);
});

test('a plan leaves no load behind on the nodes', async () => {
  const { world } = await ManagerWorld.withCluster();
  const hungry = (name: string): ServiceDeclaration =>
    declare(name, 1, {
      spec: { labels },
      container: { reservations: { nanoCpus: 8_000_000_000 } },
    });
  const stack = { ...app, networks: [], secrets: [], services: [hungry('app_a')] };
  await world.control.planStack(stack, { prune: false });
  const real = await world.control.createService(hungry('b'));
  await world.settle();
  assert.equal(world.liveTasks(real)[0]?.nodeId, 'node-1');
});

test('a removed stack is gone when its last task has stopped', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  await world.control.deployStack(app, { prune: false });
  await world.settle();
  agent.obedient = false;
  const changes = await world.control.removeStack('app');
  assert.deepEqual(actions(changes), [
    'remove service app_web',
    'remove service app_db',
    'remove secret app_key',
    'remove network app_default',
  ]);
  await world.settle();
  await assert.rejects(world.control.removeStack('app'), /nothing found in stack/);
  assert.equal(world.control.view.tasks.size, 3);
  for (const task of agent.tasks) await agent.report(task.taskId, { state: 'shutdown' });
  await world.settle();
  const { view } = world.control;
  const left = [view.services, view.tasks, view.templates, view.secrets];
  assert.deepEqual(
    left.map((table) => table.size),
    [0, 0, 0, 0],
  );
  assert.equal(view.networks.by('name', 'app_default')[Symbol.iterator]().next().done, true);
  await assert.rejects(world.control.removeStack('app'), {
    code: 'not-found',
    message: 'nothing found in stack: app',
  });
});

test('a stack is deployed again while the last one of its name still stops', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  await world.control.deployStack(app, { prune: false });
  await world.settle();
  agent.obedient = false;
  await world.control.removeStack('app');
  await world.settle();
  const changes = await world.control.deployStack(app, { prune: false });
  assert.equal(
    changes.every((change) => change.action === 'create'),
    true,
  );
  agent.obedient = true;
  for (const task of agent.tasks.filter((one) => one.desired === 'removed')) {
    await agent.report(task.taskId, { state: 'shutdown' });
  }
  await world.settle();
  assert.equal(world.control.view.services.size, 2);
  assert.equal(agent.tasks.length, 3);
});

const other: StackDeclaration = { ...app, name: 'other' };

const refused: readonly (readonly [string, StackDeclaration, string, RegExp])[] = [
  ['a bad name', { ...app, name: 'a/b' }, 'name', /"a\/b"/],
  [
    'a network of another stack',
    { ...other, services: [] },
    'networks.app_default.spec.name',
    /belongs to the stack app/,
  ],
  [
    'a network that was changed',
    { ...app, networks: [{ ...network, internal: true }] },
    'networks.app_default.spec',
    /declared differently/,
  ],
  [
    'a secret that was changed',
    { ...app, secrets: [{ spec: { name: 'app_key', labels }, data: btoa('other') }] },
    'secrets.app_key.data',
    /another content/,
  ],
  [
    'an unknown network',
    {
      ...app,
      services: [
        declare('app_x', 1, {
          spec: { labels },
          template: { networks: [{ networkId: 'nope', aliases: [], driverOptions: {} }] },
        }),
      ],
    },
    'services.app_x.template.networks[0]',
    /network nope not found/,
  ],
  [
    'a service that is refused',
    { ...app, services: [service('web', 2), service('db', -1)] },
    'services.app_db.spec.mode.replicas',
    /services\.app_db: .* is -1/,
  ],
];

for (const [what, declaration, field, message] of refused) {
  test(`a stack with ${what} is refused as a whole`, async () => {
    const { world } = await ManagerWorld.withCluster();
    await world.control.deployStack(app, { prune: false });
    await world.settle();
    const { revision } = world.control.view;
    const deployed = world.control.deployStack(declaration, { prune: false });
    await assert.rejects(deployed, { field, message });
    await assert.rejects(world.control.planStack(declaration, { prune: false }), { field });
    await world.settle();
    assert.equal(world.control.view.revision, revision);
  });
}

test('services of a stack may depend on each other in any order of declaration', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  agent.obedient = false;
  const web = service('web', 1);
  const dependsOn = [{ service: 'app_db', condition: 'started', required: true }] as const;
  const dependent = { ...web, spec: { ...web.spec, dependsOn } };
  await world.control.deployStack(
    { ...app, services: [dependent, service('db', 1)] },
    { prune: false },
  );
  await world.settle();
  const [row] = world.control.view.services.by('name', 'app_web');
  const [task] = row === undefined ? [] : world.liveTasks(row);
  assert.equal(task?.desired, 'ready');
  const db = agent.tasks.find((one) => one.serviceName === 'app_db');
  await agent.report(db?.taskId ?? '', { state: 'running' });
  await world.settle();
  assert.equal(world.control.view.tasks.get(task.id)?.desired, 'running');
});
