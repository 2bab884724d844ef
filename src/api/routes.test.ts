import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { HttpReply } from '../host/http.ts';
import { stackLabel } from '../model/labels.ts';
import type { StackReport, StatusReport } from '../model/report.ts';
import type { StackDeclaration } from '../model/stack.ts';
import { apiRoutes } from './routes.ts';
import { overlayNetwork } from '../../sim/overlay-network.ts';

const labels = { [stackLabel]: 'app' };

const network = overlayNetwork('app_default', { labels });

const app: StackDeclaration = {
  name: 'app',
  networks: [network],
  secrets: [],
  configs: [{ spec: { name: 'app_conf', labels }, data: btoa('x') }],
  services: [
    declare('app_web', 2, {
      spec: { labels },
      template: { networks: [{ networkId: 'app_default', aliases: ['web'], driverOptions: {} }] },
    }),
  ],
};

interface Answer {
  readonly status: number;
  readonly json: unknown;
}

type Ask = (method: string, path: string, body?: unknown) => Promise<Answer>;

async function cluster(): Promise<{ readonly world: ManagerWorld; readonly ask: Ask }> {
  const { world } = await ManagerWorld.withCluster();
  const handle = apiRoutes(world.control);
  const ask: Ask = async (method, path, body) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? null);
    const reply = await handle({
      method,
      path: `/tutti/v1/${path}`,
      query: new URLSearchParams(),
      headers: {},
      signal: new AbortController().signal,
      body: async () => new TextEncoder().encode(text),
    });
    await world.settle();
    return { status: whole(reply).status, json: JSON.parse(String(whole(reply).body)) };
  };
  return { world, ask };
}

function whole(reply: HttpReply): Extract<HttpReply, { kind: 'whole' }> {
  if (reply.kind === 'whole') return reply;
  return assert.fail(`the reply is a ${reply.kind}`);
}

test('a stack is planned, deployed, reported and removed over the API', async () => {
  const { world, ask } = await cluster();
  const planned = await ask('POST', 'stacks/app/plan', { declaration: app });
  assert.equal(planned.status, 200);
  assert.equal((planned.json as { tasks: unknown[] }).tasks.length, 2);
  assert.equal((await ask('GET', 'stacks/app')).status, 404);

  const deployed = await ask('PUT', 'stacks/app', { declaration: app, prune: true });
  assert.deepEqual(
    (deployed.json as { changes: { action: string; name: string }[] }).changes.map(
      ({ action, name }) => `${action} ${name}`,
    ),
    ['create app_default', 'create app_conf', 'create app_web'],
  );
  const report = (await ask('GET', 'stacks/app')).json as StackReport;
  assert.equal(report.converged, true);
  assert.deepEqual(
    report.tasks.map((task) => [task.name, task.state, task.nodeName]),
    [
      ['app_web.1', 'running', 'vm'],
      ['app_web.2', 'running', 'vm'],
    ],
  );
  const list = (await ask('GET', 'stacks')).json as { stacks: StackReport[] };
  assert.deepEqual(list.stacks, [report]);
  const status = (await ask('GET', 'status')).json as StatusReport;
  assert.deepEqual([status.runningTasks, status.wantedTasks, status.problems], [2, 2, []]);
  assert.equal(status.nodes[0]?.state, 'ready');

  const removed = await ask('DELETE', 'stacks/app');
  assert.equal(removed.status, 200);
  await world.settle();
  assert.equal((await ask('GET', 'stacks/app')).status, 404);
  assert.equal((await ask('DELETE', 'stacks/app')).status, 404);
});

test('a task that is through, and is not to be restarted, counts as converged', async () => {
  const { world } = await ManagerWorld.withCluster();
  const ask = apiRoutes(world.control);
  const once = declare('app_init', 1, {
    spec: { labels },
    template: { restart: { condition: 'on-failure' } },
  });
  const stack = { ...app, networks: [], configs: [], services: [once] };
  await world.control.deployStack(stack, { prune: false });
  await world.settle();
  const report = async (): Promise<StackReport> => {
    const reply = await ask({
      method: 'GET',
      path: '/tutti/v1/stacks/app',
      query: new URLSearchParams(),
      headers: {},
      signal: new AbortController().signal,
      body: async () => new Uint8Array(),
    });
    return JSON.parse(String(whole(reply).body)) as StackReport;
  };
  const [task] = world.control.view.tasks.all();
  assert.equal((await report()).converged, true);
  const [agent] = world.agents;
  await agent?.report(task?.id ?? '', { state: 'complete', exitCode: 0 });
  await world.settle();
  const after = await report();
  assert.deepEqual(
    [after.converged, after.services[0]?.running, after.services[0]?.completed],
    [true, 0, 1],
  );
});

test('why a task or a service does not run is told in sentences', async () => {
  const { world, ask } = await cluster();
  const picky = {
    constraints: ['node.labels.gpu==yes'],
    preferences: [],
    maxReplicasPerNode: 0,
    platforms: [],
  };
  const service = await world.control.createService(
    declare('w', 1, { spec: { placement: picky } }),
  );
  await world.settle();
  const why = await ask('GET', 'tasks/w.1/why');
  const { lines } = why.json as { lines: string[] };
  assert.match(lines[0] ?? '', /^pending for .* on no node yet, wanted running$/);
  assert.match(lines[1] ?? '', /\[constraint-unmet\]$/);
  const about = await ask('GET', `services/${service.id.slice(0, 8)}/why`);
  assert.match((about.json as { lines: string[] }).lines[0] ?? '', /^0 of 1 tasks run$/);
});

test('a reference that fits several is refused, one that fits none is not found', async () => {
  const { world, ask } = await cluster();
  await world.control.createService(declare('a', 40));
  await world.settle();
  assert.equal((await ask('GET', 'tasks/nope/why')).status, 404);
  assert.equal((await ask('GET', 'services/nope/why')).status, 404);
  const ids = [...world.control.view.tasks.all()].map((task) => task.id);
  const first = ids.find((id) => ids.filter((one) => one[0] === id[0]).length > 1);
  const many = await ask('GET', `tasks/${first?.[0]}/why`);
  assert.equal(many.status, 400);
  assert.match((many.json as { message: string }).message, /ambiguous/);
});

function withService(change: object): unknown {
  const [web] = app.services;
  assert.ok(web);
  return { declaration: { ...app, services: [{ ...web, ...change }] } };
}

function withContainer(change: object): unknown {
  const [web] = app.services;
  const [main] = web?.template.containers ?? [];
  assert.ok(web && main);
  const containers = [{ ...main, ...change }];
  return withService({ template: { ...web.template, containers } });
}

/** [what, body, status, field, message]; the same for deploying and for planning. */
const bad: readonly (readonly [string, unknown, number, string, RegExp])[] = [
  ['what is no JSON', '{"declaration":', 400, 'body', /expected JSON/],
  ['nothing', 'null', 400, 'body', /expected object/],
  ['a list', [], 400, 'body', /expected object/],
  ['no declaration', {}, 400, 'body.declaration', /expected object/],
  [
    'an unknown key',
    { declaration: { ...app, volumes: [] } },
    400,
    'body.declaration',
    /Unrecognized key: "volumes"/,
  ],
  ['prune as text', { declaration: app, prune: 'yes' }, 400, 'body.prune', /expected boolean/],
  [
    'another name than the path',
    { declaration: { ...app, name: 'other' } },
    400,
    'body.declaration.name',
    /"other" is not the "app"/,
  ],
  [
    'replicas as text',
    withService({
      spec: { ...app.services[0]?.spec, mode: { kind: 'replicated', replicas: '2' } },
    }),
    400,
    'body.declaration.services.0.spec.mode.replicas',
    /expected number/,
  ],
  [
    'an unknown mode',
    withService({ spec: { ...app.services[0]?.spec, mode: { kind: 'some' } } }),
    400,
    'body.declaration.services.0.spec.mode.kind',
    /Invalid/,
  ],
  [
    'no image',
    withContainer({ image: '' }),
    400,
    'services.app_web.template.containers[0].image',
    /must be provided/,
  ],
  [
    'a shell in the image',
    withContainer({ image: '$(reboot)' }),
    400,
    'services.app_web.template.containers[0].image',
    /"\$\(reboot\)" is not a valid/,
  ],
  [
    'a secret that is missing',
    withContainer({
      secrets: [{ sourceId: 'no', sourceName: 'no', target: 'no', uid: '0', gid: '0', mode: 292 }],
    }),
    400,
    'services.app_web.template.secrets',
    /secret not found: no/,
  ],
  [
    'content that is not base64',
    { declaration: { ...app, configs: [{ spec: { name: 'app_conf', labels }, data: '?' }] } },
    400,
    'body.declaration.configs.0.data',
    /base64/,
  ],
  [
    'a network of another driver',
    { declaration: { ...app, networks: [{ ...network, driver: 'macvlan' }] } },
    400,
    'networks.app_default.spec.driver',
    /"macvlan"/,
  ],
];

for (const [what, body, status, field, message] of bad) {
  for (const [method, path] of [
    ['PUT', 'stacks/app'],
    ['POST', 'stacks/app/plan'],
  ] as const) {
    test(`${method} ${path} refuses ${what} and changes nothing`, async () => {
      const { world, ask } = await cluster();
      const { revision } = world.control.view;
      const answer = await ask(method, path, body);
      const error = answer.json as { readonly message: string; readonly field: string };
      assert.deepEqual([answer.status, error.field], [status, field], error.message);
      assert.match(error.message, message);
      assert.equal(world.control.view.revision, revision);
    });
  }
}

const unknown: readonly (readonly [string, string, number])[] = [
  ['GET', '', 404],
  ['GET', 'nothing', 404],
  ['POST', 'stacks', 404],
  ['PATCH', 'stacks/app', 404],
  ['GET', 'stacks/app/plan', 404],
  ['GET', 'stacks/app/plan/more', 404],
  ['DELETE', 'status', 404],
  ['GET', 'status/now', 404],
  ['GET', 'tasks', 404],
  ['POST', 'tasks/x/why', 404],
  ['GET', 'services/%zz/why', 400],
];

for (const [method, path, status] of unknown) {
  test(`there is no route ${method} /tutti/v1/${path}`, async () => {
    const { ask } = await cluster();
    assert.equal((await ask(method, path)).status, status);
  });
}

test('without a cluster the status says so, and nothing can be deployed', async () => {
  const world = await ManagerWorld.start();
  const handle = apiRoutes(world.control);
  const ask = async (method: string, path: string, body: unknown): Promise<HttpReply> =>
    await handle({
      method,
      path: `/tutti/v1/${path}`,
      query: new URLSearchParams(),
      headers: {},
      signal: new AbortController().signal,
      body: async () => new TextEncoder().encode(JSON.stringify(body)),
    });
  assert.equal(whole(await ask('GET', 'status', null)).status, 200);
  assert.equal(whole(await ask('PUT', 'stacks/app', { declaration: app })).status, 503);
  assert.equal(whole(await ask('POST', 'stacks/app/plan', { declaration: app })).status, 503);
  assert.equal(whole(await ask('DELETE', 'stacks/app', null)).status, 503);
});
