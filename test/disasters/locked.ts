import assert from 'node:assert/strict';
import type { Case } from './case.ts';
import { forgetEverything, join, removeContainers, tryTutti } from './commands.ts';
import { Backup } from './backup.ts';
import type { DisasterSite } from './site.ts';

/** With autolock: every manager waits for its unlock key, and then they form their cluster. */
export const lockedPowerOff: Case = {
  name: 'locked-power-off',
  what: 'autolock: all nodes lose power; measured from the first `docker swarm unlock`',
  run: async (site) => {
    const { all } = site;
    const key = await lock(site);
    await site.losePower(all.hosts);
    await site.start(all.hosts);
    for (const host of site.managers) assert.equal(await stateOf(site, host), 'locked', host);
    return await site.measureReturn(all, async () => {
      for (const host of site.managers) await site.unlock(host, key);
    });
  },
};

/** With autolock: the only manager left is unlocked, and goes on alone. */
export const lockedOneLeft: Case = {
  name: 'locked-one-left',
  what: 'autolock: two of three managers lost; `tutti cluster recover` on the one that is left',
  run: async (site) => {
    const [survivor, ...lost] = ['manager-3', 'manager-1', 'manager-2'] as const;
    await lock(site);
    await site.losePower(lost);
    const alone = site.expect({ managers: [survivor] });
    return await site.measureReturn(alone, async () => {
      const { code, stderr } = await tryTutti(site, survivor, 'cluster', 'recover', '--yes');
      assert.equal(code, 0, stderr);
    });
  },
};

/** With autolock: the cluster of a backup is locked again from its next start on. */
export const lockedRestored: Case = {
  name: 'locked-restored',
  what: 'autolock: all machines thrown away, a backup restored; then locked and unlocked again',
  run: async (site) => {
    const { all } = site;
    const key = await lock(site);
    await using backup = await Backup.of(site, 'manager-2');
    await site.losePower(all.hosts);
    await forgetEverything(site, all.hosts);
    const first = 'manager-3';
    const returned = await site.measureReturn(all, async () => {
      await backup.restore(site, first);
      await site.start(all.hosts);
      await removeContainers(site, all.hosts);
      for (const host of all.hosts) if (host !== first) await join(site, { host, through: first });
    });
    await site.losePower(site.managers);
    await site.start(site.managers);
    for (const host of site.managers) {
      assert.equal(await stateOf(site, host), 'locked', host);
      await site.unlock(host, key);
    }
    await site.untilAsDeclared(all);
    await site.checkWritten(first);
    return returned;
  },
};

/** Returns the unlock key. */
async function lock({ site }: DisasterSite): Promise<string> {
  await site.playground.docker('manager-1', 'swarm', 'update', '--autolock=true');
  return await site.playground.docker('manager-2', 'swarm', 'unlock-key', '--quiet');
}

/** As `docker info` says it. */
async function stateOf({ site }: DisasterSite, host: string): Promise<string> {
  return await site.playground.docker(host, 'info', '--format', '{{.Swarm.LocalNodeState}}');
}
