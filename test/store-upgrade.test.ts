import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../src/host/logger.ts';
import { EtcdEngine } from '../src/os/etcd-engine.ts';
import { EtcdLeadership } from '../src/os/etcd-leadership.ts';
import { readSchemaVersion } from '../src/os/etcd-state.ts';
import { SystemClock } from '../src/os/system-clock.ts';
import { migrations, schemaVersionOf } from '../src/store/migrations.ts';
import { Store } from '../src/store/store.ts';
import { upgradeStore } from '../src/upgrade-store.ts';
import { TestEtcd } from './etcd/test-etcd.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const signMs = 100;

let etcd: TestEtcd;

before(async () => {
  etcd = await TestEtcd.start(1);
});
after(async () => await etcd.stop());

it('a store on etcd is brought forward once no manager of the older program leads', async () => {
  const client = etcd.client();
  const old = new EtcdEngine({ client });
  const secret = { id: 's1', version: 0, spec: { name: 's', labels: {} }, data: 'YQ==' };
  const row = { table: 'secrets', id: 's1', value: JSON.stringify(secret) };
  const older = { kind: 'schema-version', version: 2 } as const;
  await old.commit([{ kind: 'put', ...row }, older], { epoch: 0, revision: 0 });
  await assert.rejects(
    Store.follow(new EtcdEngine({ client })),
    /schema version 2, and its leader/,
  );

  const leader = new EtcdLeadership({ client, name: 'old.1.1' });
  const seen = await leader.ask();
  assert.ok(seen !== undefined);
  const taken = await leader.take(seen);
  assert.ok(taken.kind === 'taken');
  const ended = new AbortController();
  const leading = (async (): Promise<void> => {
    while (!ended.signal.aborted) {
      const { kind } = await leader.writeSign(taken.epoch);
      assert.equal(kind, 'proven', 'a leader that lives keeps its epoch');
      await sleep(signMs);
    }
  })();

  const stop = new AbortController();
  const order: string[] = [];
  const upgrading = upgradeStore(
    {
      engine: new EtcdEngine({ client }),
      leadership: new EtcdLeadership({ client, name: 'new.1.1' }),
      migrations,
      schemaVersion: async () => await readSchemaVersion(client),
      before: async () => {
        order.push(`a copy is kept of schema ${await readSchemaVersion(client)}`);
      },
      clock: new SystemClock(),
      logger: silent,
    },
    stop.signal,
  );
  await Promise.race([upgrading, sleep(2_500)]);
  assert.deepEqual(order, [], 'the older leader is not disturbed');
  ended.abort();
  await leading;
  await upgrading;
  assert.deepEqual(order, ['a copy is kept of schema 2']);
  assert.equal(await readSchemaVersion(client), schemaVersionOf(migrations));
  const store = await Store.follow(new EtcdEngine({ client }));
  assert.equal(store.view.secrets.get('s1')?.data, 'YQ==');
  await store.close();
});
