import type { Case } from './case.ts';

/** All hosts lose their power at once, and get it back. */
export const powerOff: Case = {
  name: 'power-off',
  what: 'all five nodes lose power at once, and get it back',
  run: async (site) => {
    const { all } = site;
    await site.losePower(all.hosts);
    return await site.measureReturn(all, async () => await site.start(all.hosts));
  },
};

/** One of the managers does not get it back. */
export const powerOffWithLoss: Case = {
  name: 'power-off-one-lost',
  what: 'the same, and one manager does not come back',
  run: async (site) => {
    await site.losePower(site.all.hosts);
    const there = site.expect({ managers: ['manager-2', 'manager-3'] });
    return await site.measureReturn(there, async () => await site.start(there.hosts));
  },
};
