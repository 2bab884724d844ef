import type { Case } from './case.ts';
import { tutti } from './commands.ts';

/** Two of three managers are lost for good, and the last one goes on. */
export const oneLeft: Case = {
  name: 'one-left',
  what: 'two of three managers lost; `tutti cluster recover` on the third',
  run: async (site) => {
    const [survivor, ...lost] = ['manager-3', 'manager-1', 'manager-2'] as const;
    await site.losePower(lost);
    await site.until('no write is possible', async () => {
      return await site.tryWrite(survivor).then(
        () => false,
        () => true,
      );
    });
    const alone = site.expect({ managers: [survivor] });
    const returned = await site.measureReturn(alone, async () => {
      await tutti(site, survivor, 'cluster', 'recover', '--yes');
    });
    // What was lost comes back after all, and is made what it was.
    await site.start(lost);
    const asWorkers = site.expect({
      managers: [survivor],
      workers: [...site.site.workers, ...lost],
    });
    await site.untilAsDeclared(asWorkers);
    await site.site.playground.docker(survivor, 'node', 'promote', ...lost);
    await site.untilAsDeclared(site.all);
    await site.checkWritten('manager-1');
    return returned;
  },
};
