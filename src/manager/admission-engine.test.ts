import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import { smallMachine } from '../../sim/scripted-agent.ts';
import type { ServiceDeclaration } from '../model/service.ts';
import { admitsRouted, knowsStartInterval } from '../model/engine-version.ts';

async function worldOf(...engineVersions: readonly string[]): Promise<ManagerWorld> {
  const { world } = await ManagerWorld.withCluster();
  for (const [index, engineVersion] of engineVersions.entries()) {
    const agent = world.agent(`node-${index + 1}`);
    agent.description = { ...smallMachine, hostname: `host-${index + 1}`, engineVersion };
    await agent.connect();
    await world.settle();
  }
  return world;
}

function checked(placement: Partial<ServiceDeclaration['spec']['placement']> = {}) {
  const healthCheck = { test: ['CMD', 'true'], startIntervalMs: 500 };
  const declaration = declare('web', 1, { container: { healthCheck } });
  const { spec } = declaration;
  return { ...declaration, spec: { ...spec, placement: { ...spec.placement, ...placement } } };
}

test('a start interval goes to engines that know it', async () => {
  const world = await worldOf('25.0.5', '29.1.0');
  const { templateId } = await world.control.createService(checked());
  const [container] = world.control.view.templates.get(templateId)?.spec.containers ?? [];
  assert.equal(container?.healthCheck?.startIntervalMs, 500);
});

test('a start interval is refused where one of the engines would drop it without a word', async () => {
  const world = await worldOf('25.0.5', '24.0.9');
  await assert.rejects(world.control.createService(checked()), {
    field: 'template.containers[0].healthCheck.startIntervalMs',
    message: /500 ms .* needs Docker Engine 25; node host-2 has 24\.0\.9/,
    hint: /keep the service off that node/,
  });
  await world.control.createService(checked({ constraints: ['node.hostname!=host-2'] }));
});

test('versions of engines are told apart by their first number', () => {
  const known = ['25.0.0', '25.0.0-rc.1', '28.2.2', '100.0.0'];
  assert.deepEqual(known.filter(knowsStartInterval), known);
  assert.deepEqual(['20.10.24+dfsg1', '24.0.9', '5.4.0', 'dev', ''].filter(knowsStartInterval), []);
});

test('engines that drop what is routed to containers are known by their version', () => {
  assert.deepEqual(['20.10.24+dfsg1', '27.5.1', '28.0.0', '29.1', 'dev', ''].filter(admitsRouted), [
    '20.10.24+dfsg1',
    '27.5.1',
  ]);
});
