import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../network/stack.ts';
import { manager, type OverlaySite, worker } from './site.ts';

const file = join(import.meta.dirname, 'static.yml');
/** The first one that would be chosen: the stack's other service is written before. */
const address = '10.77.0.2';

/** Containers of a service of the stack that run on a host. */
async function containersOn(
  site: OverlaySite,
  host: string,
  service: string,
): Promise<readonly string[]> {
  const filter = `label=com.docker.swarm.service.name=static_${service}`;
  const ids = await site.hosts.engine(host, 'ps', '--quiet', '--no-trunc', '--filter', filter);
  return ids.split('\n').filter((id) => id !== '');
}

/** The one container of a service on a host, once it runs. */
async function containerOn(site: OverlaySite, host: string, service: string): Promise<string> {
  const [id = ''] = await until(
    () => containersOn(site, host, service),
    (ids) => ids.length === 1,
  );
  return id;
}

async function placeOf(site: OverlaySite, host: string, id: string): Promise<string> {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}';
  return (await site.hosts.engine(host, 'inspect', `--format=${format}`, id)).trim();
}

/** A service with a static address, which another node takes over. */
export function registerStaticAddresses(world: () => OverlaySite): void {
  const program = (expression: string): readonly string[] => [
    'node',
    '-e',
    `(async () => console.log(await (${expression})))().catch((error) => console.log(error.message))`,
  ];

  test('a task has the address that its document declares, on one node and then on another', async () => {
    const site = world();
    await site.deploy({ file, name: 'static' });
    const asker = await containerOn(site, manager, 'asker');
    const ask = (expression: string): Promise<string> =>
      site.hosts.engine(manager, 'exec', asker, ...program(expression));
    const answered = async (id: string): Promise<void> => {
      for (const name of [address, 'pinned']) {
        await until(
          () => ask(`fetch('http://${name}/').then((reply) => reply.text())`),
          (host) => host === id.slice(0, 12),
        );
      }
      assert.equal(await ask(`require('dns').promises.resolve4('pinned')`), `[ '${address}' ]`);
    };
    const far = await containerOn(site, worker, 'pinned');
    assert.equal(await placeOf(site, worker, far), address);
    await answered(far);
    const change = ['--constraint-rm', `node.hostname==${worker}`];
    change.push('--constraint-add', `node.hostname==${manager}`);
    await site.docker('service', 'update', '--detach', ...change, 'static_pinned');
    const near = await containerOn(site, manager, 'pinned');
    assert.deepEqual(await containersOn(site, worker, 'pinned'), []);
    assert.equal(await placeOf(site, manager, near), address);
    await answered(near);
    await site.docker('stack', 'rm', 'static');
  });
}
