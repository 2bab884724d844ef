import { argv, stdout } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../src/host/logger.ts';
import { LeadershipKeeper } from '../../src/manager/leadership-keeper.ts';
import { EtcdClient } from '../../src/os/etcd-client.ts';
import { EtcdEngine } from '../../src/os/etcd-engine.ts';
import { EtcdLeadership } from '../../src/os/etcd-leadership.ts';
import { SystemClock } from '../../src/os/system-clock.ts';
import { SystemRandom } from '../../src/os/system-random.ts';
import { Store } from '../../src/store/store.ts';

/**
 * The part of a manager that leads and follows: `etcd-manager.ts <rank> <socket>`. While it leads
 * it writes a row after the other and says `wrote <epoch> <count>` for each that is acknowledged;
 * the count goes on from what those before it wrote.
 */
async function main(rank: number, path: string): Promise<void> {
  const client = new EtcdClient({ endpoints: [{ kind: 'socket', path }] });
  const name = `manager${rank}.${process.pid}`;
  const engine = new EtcdEngine({ client });
  const store = await followOnceThereIsOne(engine);
  let leads = false;
  const keeper = new LeadershipKeeper({
    store,
    engine,
    leadership: new EtcdLeadership({ client, name }),
    clock: new SystemClock(),
    steadyNow: () => performance.now(),
    random: new SystemRandom(),
    logger: standardError,
    rank: () => rank,
    onLead: () => {
      leads = true;
    },
    onPause: () => {
      leads = false;
    },
    onFollow: () => {
      leads = false;
    },
  });
  void keeper.run(new AbortController().signal);
  for (;;) {
    if (leads && keeper.mayAct) {
      await writeOne(store).catch(() => keeper.look());
    }
    await sleep(10);
  }
}

async function writeOne(store: Store): Promise<void> {
  const { epoch } = store;
  const count = await store.update((tx) => {
    const next = Number(tx.configs.get('count')?.data ?? 0) + 1;
    const spec = { name: 'count', labels: {} };
    const data = String(next);
    tx.configs.put({ id: 'count', version: tx.revision, createdAt: 0, updatedAt: 0, spec, data });
    return next;
  });
  stdout.write(`wrote ${epoch} ${count}\n`);
}

/** A new cluster's schema is written by whoever makes it. */
async function followOnceThereIsOne(engine: EtcdEngine): Promise<Store> {
  for (;;) {
    try {
      return await Store.follow(engine);
    } catch {
      await sleep(50);
    }
  }
}

const note =
  (level: string): Logger['info'] =>
  (message, fields) =>
    void process.stderr.write(`${process.pid} ${level} ${message} ${JSON.stringify(fields)}\n`);
const standardError: Logger =
  process.env['TUTTI_TEST_LOG'] === undefined
    ? { debug: ignore, info: ignore, warn: ignore, error: ignore }
    : { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };

function ignore(): void {}

await main(Number(argv[2]), String(argv[3]));
