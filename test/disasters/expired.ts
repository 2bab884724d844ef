import { X509Certificate } from 'node:crypto';
import type { Case } from './case.ts';
import { join } from './commands.ts';
import { certificateOf, expireCertificates } from './expire.ts';

const tenDays = 10;
const threeYearsInDays = 3 * 365;

/** Everything was off for longer than certificates are good, and less than two years. */
export const expired: Case = {
  name: 'expired',
  what: 'all nodes off until ten days after the end of every certificate, etcd’s among them',
  run: async (site) => {
    const { all } = site;
    await site.losePower(all.hosts);
    await expireCertificates(site.site, { hosts: all.hosts, endedDays: tenDays });
    const returned = await site.measureReturn(all, async () => await site.start(all.hosts));
    for (const host of all.hosts) {
      await site.until(`${host} has another certificate`, async () => {
        const { validToDate } = new X509Certificate(await certificateOf(site.site, host));
        return validToDate.getTime() > Date.now();
      });
    }
    return returned;
  },
};

/** For longer than the two years in which a node may renew what has ended. */
export const expiredForYears: Case = {
  name: 'expired-for-years',
  what: 'the same, three years after the end: managers by themselves, workers join again',
  run: async (site) => {
    const { all } = site;
    const { playground, workers } = site.site;
    await site.losePower(all.hosts);
    await expireCertificates(site.site, { hosts: all.hosts, endedDays: threeYearsInDays });
    return await site.measureReturn(all, async () => {
      await site.start(all.hosts);
      for (const host of workers) {
        await site.until(`${host} says what to do`, async () => {
          const said = await playground.docker(host, 'info', '--format', '{{.Swarm.Error}}');
          return /too long ago.*docker swarm leave/s.test(said);
        });
        await playground.docker(host, 'swarm', 'leave', '--force');
        await join(site, { host, through: 'manager-1' });
      }
    });
  },
};
