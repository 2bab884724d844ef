import assert from 'node:assert/strict';
import { Backup } from './backup.ts';
import type { Case } from './case.ts';
import { forgetEverything, join, removeContainers } from './commands.ts';
import type { DisasterSite } from './site.ts';

/** Every machine is thrown away; a backup is all that is left. */
export const restored: Case = {
  name: 'restored',
  what: 'all machines thrown away; a backup restored on a new one, which all others join',
  run: async (site) => {
    const { all } = site;
    await using backup = await Backup.of(site, 'manager-2');
    await site.losePower(all.hosts);
    await forgetEverything(site, all.hosts);
    const first = 'manager-3';
    return await site.measureReturn(all, async () => {
      await backup.restore(site, first);
      await site.start(all.hosts);
      await removeContainers(site, all.hosts);
      const others = all.hosts.filter((host) => host !== first);
      for (const host of others) await join(site, { host, through: first });
    });
  },
};

/** The managers' machines are thrown away; workers and their containers live on. */
export const restoredForWorkers: Case = {
  name: 'restored-for-workers',
  what: 'all managers thrown away; a backup restored at the address of one of them',
  run: async (site) => {
    const { managers } = site;
    await using backup = await Backup.of(site, 'manager-2');
    await site.losePower(managers);
    await forgetEverything(site, managers);
    const first = 'manager-1';
    const before = await containersOf(site);
    const returned = await site.measureReturn(site.all, async () => {
      await backup.restore(site, first);
      await site.start(managers);
      await removeContainers(site, managers);
      for (const host of ['manager-2', 'manager-3']) await join(site, { host, through: first });
    });
    const after = new Set(await containersOf(site));
    assert.deepEqual(
      before.filter((id) => !after.has(id)),
      [],
      'no container of a worker was touched',
    );
    return returned;
  },
};

/** No manager is left, and the restored one has an address that no worker knows. */
export const restoredElsewhere: Case = {
  name: 'restored-elsewhere',
  what: 'all managers thrown away; restored at another address, which the worker that is left is told',
  run: async (site) => {
    const { playground } = site.site;
    const [worker, first] = ['worker-1', 'worker-2'] as const;
    const lost = [...site.managers, first];
    await using backup = await Backup.of(site, 'manager-2');
    await site.losePower(lost);
    await forgetEverything(site, [first]);
    const left = site.expect({ managers: [first], workers: [worker] });
    return await site.measureReturn(left, async () => {
      await backup.restore(site, first);
      await site.start([first]);
      await removeContainers(site, [first]);
      await site.until('the worker says what to do', async () => {
        const said = await playground.docker(worker, 'info', '--format', '{{.Swarm.Error}}');
        return /no manager .* answers at .*docker swarm join --token/s.test(said);
      });
      await join(site, { host: worker, through: first });
      await removeLostNodes(site, first);
    });
  },
};

/** Where most are missing nothing is moved before somebody says that they are lost. */
async function removeLostNodes({ site }: DisasterSite, through: string): Promise<void> {
  const words = ['node', 'ls', '--format', '{{.ID}} {{.Status}}'];
  const rows = (await site.playground.docker(through, ...words)).split('\n');
  const lost = rows.filter((row) => !row.endsWith(' Ready')).map((row) => row.split(' ')[0] ?? '');
  await site.playground.docker(through, 'node', 'rm', '--force', ...lost);
}

/** Of the workers; the fenced one is to stop where no manager is heard for ten seconds. */
async function containersOf({ site }: DisasterSite): Promise<readonly string[]> {
  const format = '{{.ID}} {{.Label "com.docker.swarm.service.name"}}';
  const lines: string[] = [];
  for (const host of site.workers) {
    const listed = await site.playground.engine(host, 'ps', '--no-trunc', '--format', format);
    lines.push(...listed.split('\n'));
  }
  return lines.filter((line) => line !== '' && !line.endsWith(' alone'));
}
