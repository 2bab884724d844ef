import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../host/clock.ts';
import type { NodeIdentity } from '../host/node-identity.ts';
import type { KnownManager } from '../model/known-manager.ts';
import { Membership } from './membership.ts';

const managerOf = (nodeId: string): KnownManager => ({ nodeId, address: '192.0.2.1:2377' });
const certificate = {
  nodeId: 'n1',
  role: 'manager',
  clusterId: 'c1',
  keyDigest: 'digest',
  notBefore: 0,
  notAfter: Number.MAX_SAFE_INTEGER,
  rootId: 'root',
};
const membership = {
  clusterId: 'c1',
  certificate: 'first',
  roots: ['root'],
  managers: [managerOf('n1'), managerOf('n2')],
  role: 'manager',
  address: '192.0.2.1',
} as const;

/** A node with the seat of a manager, which renews its certificate when it is told to. */
class Seated {
  readonly membership: Membership;
  cleared = 0;
  #renewals = 0;

  constructor(named: readonly KnownManager[]) {
    const quiet = (): void => undefined;
    // Time stands still: what is due is done, what is not never comes.
    const never = new Promise<void>(() => undefined);
    const clock: Clock = { now: () => 0, sleep: async () => await never, turn: async () => never };
    const renew = async (): Promise<object> => {
      this.#renewals += 1;
      const granted = { ...membership, certificate: `renewed ${this.#renewals}`, managers: named };
      return await Promise.resolve({ kind: 'accepted', nodeId: 'n1', warnings: [], ...granted });
    };
    const identity: NodeIdentity = { nodeId: 'n1', key: 'key', membership };
    this.membership = new Membership({
      clock,
      random: { fraction: () => 0.5, bytes: (count: number) => new Uint8Array(count) },
      logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
      disk: { load: async () => await Promise.resolve(identity), save: async () => undefined },
      seat: {
        isTaken: async () => await Promise.resolve(true),
        obstacle: async () => await Promise.resolve('nothing runs here'),
        renewed: async () => undefined,
        clear: async () => {
          this.cleared += 1;
          await Promise.resolve();
        },
      },
      calls: { renew },
      keys: {
        request: async () => await Promise.resolve('request'),
        digestOf: () => 'digest',
        read: () => certificate,
        isFor: () => true,
      },
      openTransport: () => ({ close: quiet }),
      nodeId: () => 'n1',
    } as never);
  }

  /** The leader says who the managers are; then the certificate is renewed. */
  async hear(managers: readonly KnownManager[]): Promise<void> {
    const over = new AbortController();
    await this.membership.load('n1');
    assert.equal(this.membership.managerKind, 'shared');
    const running = this.membership.run(over.signal);
    await this.membership.noteManagers(managers);
    this.membership.renewAfter(0);
    for (let turn = 0; turn < 200; turn += 1) await Promise.resolve();
    assert.ok(this.#renewals > 0);
    over.abort();
    await running;
  }
}

test('a manager that was given up and promoted again gives its old seat away', async () => {
  const others = [managerOf('n2')];
  const seated = new Seated(others);
  await seated.hear(others);
  assert.equal(seated.membership.managerKind, 'none', 'what runs there is of a removed member');
  await seated.membership.clearSeat();
  assert.equal(seated.cleared, 1);
});

test('a manager that one of two does not name keeps its seat', async () => {
  const both = membership.managers;
  for (const [leader, other] of [
    [[managerOf('n2')], both],
    [both, [managerOf('n2')]],
  ] as const) {
    const seated = new Seated(other);
    await seated.hear(leader);
    assert.equal(seated.membership.managerKind, 'shared');
    await seated.membership.clearSeat();
    assert.equal(seated.cleared, 0);
  }
});
