import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import { explainService } from './explain.ts';
import type { Service, ServiceSpec } from '../model/service.ts';
import { updateText } from '../model/update-text.ts';

function publishing(publishedPort: number): Partial<ServiceSpec> {
  return {
    ports: [{ protocol: 'tcp', targetPort: 80, publishedPort, mode: 'ingress' }],
    update: { failureAction: 'rollback' },
  };
}

/** A service whose update was rolled back by its failures while another one took its port. */
async function rolledBack(): Promise<{
  readonly world: ManagerWorld;
  readonly web: () => Service;
  readonly other: Service;
}> {
  const { world, agent } = await ManagerWorld.withCluster();
  const { id, version } = await world.control.createService(
    declare('web', 1, { spec: publishing(8_080) }),
  );
  await world.pass(30_000);
  agent.obedient = false;
  const bad = declare('web', 1, { container: { image: 'bad:1' }, spec: publishing(8_081) });
  await world.control.updateService(id, bad, { version });
  await world.settle();
  const other = await world.control.createService(declare('other', 0, { spec: publishing(8_080) }));
  const web = (): Service => world.control.view.services.get(id) ?? assert.fail();
  const started = [...world.control.view.tasks.by('service', id)].find(
    (task) => task.templateId === web().templateId,
  );
  const [running] = [...world.control.view.tasks.by('service', id)];
  const reason = { code: 'exited', message: 'it ended with 1', since: world.clock.now() } as const;
  await agent.report(running?.id ?? '', { state: 'shutdown', reason });
  await agent.report(started?.id ?? '', { state: 'failed', exitCode: 1, reason });
  await world.settle();
  agent.obedient = true;
  agent.disconnect();
  await agent.connect();
  await world.pass(60_000);
  return { world, web, other };
}

test('an automatic rollback whose port was taken meanwhile says so', async () => {
  const { world, web, other } = await rolledBack();
  const { update, publishedPorts } = web();
  assert.equal(update?.state, 'rollback_completed');
  assert.deepEqual(publishedPorts, []);
  const said =
    `rollback completed; port '8080/tcp' is already in use by service 'other' (${other.id}), ` +
    'and the service goes on without';
  assert.equal(update && updateText(update), said);
  const { lines } = explainService(world.control, 'web');
  assert.ok(lines.includes(`update rollback_completed: ${said}`), lines.join('\n'));
});

test('once the port is free the service has it again, and nothing is said any more', async () => {
  const { world, web, other } = await rolledBack();
  await world.control.removeService(other.id);
  await world.settle();
  assert.equal(web().publishedPorts[0]?.publishedPort, 8_080);
  const { update } = web();
  assert.equal(update && updateText(update), 'rollback completed');
});
