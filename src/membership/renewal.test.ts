import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../host/clock.ts';
import type { NodeIdentity } from '../host/node-identity.ts';
import { TuttiError } from '../lib/error.ts';
import type { PeerCertificate } from '../model/identity.ts';
import type { NodeRole } from '../model/node.ts';
import { Renewal, type RenewalOptions } from './renewal.ts';

const dayMs = 86_400_000;

function identityOf(certificate: string, role: NodeRole): NodeIdentity {
  const membership = { clusterId: 'c1', certificate, roots: ['root'], managers: [], role };
  return { nodeId: 'n1', key: 'key', membership: { ...membership, address: '192.0.2.1' } };
}

/** What managers say to who asks them for a certificate. */
type Managers = 'granted' | 'silence' | 'grace-over' | 'unknown-node';

/** A node whose certificate is renewed once; `kept` is told what was written, and where. */
class Renewing {
  readonly kept: string[] = [];
  readonly #renewal: Renewal;
  readonly #done = Promise.withResolvers<void>();

  constructor(
    role: NodeRole,
    { managers = 'granted', endedMs = -90 * dayMs }: { managers?: Managers; endedMs?: number } = {},
  ) {
    // Time stands still: what is due is done, what is not never comes.
    const never = new Promise<void>(() => undefined);
    const clock: Clock = { now: () => 0, sleep: async () => await never, turn: async () => never };
    const said: PeerCertificate = {
      nodeId: 'n1',
      role,
      clusterId: 'c1',
      keyDigest: 'digest',
      notBefore: clock.now() - endedMs - 90 * dayMs,
      notAfter: clock.now() - endedMs,
      rootId: 'root',
    };
    const answer = { kind: 'accepted', nodeId: 'n1', role, clusterId: 'c1' } as const;
    const granted = { certificate: 'new', roots: ['root'], managers: [], address: '192.0.2.1' };
    const renew = async (): Promise<object> => {
      await Promise.resolve();
      if (managers === 'silence') throw new TuttiError('unavailable', 'nobody answers');
      const refusal = { kind: 'refused', reason: managers, message: managers, hint: '' };
      return managers === 'granted' ? { ...answer, ...granted, warnings: [] } : refusal;
    };
    const keep = async (where: string, identity: NodeIdentity): Promise<void> => {
      this.kept.push(`${where}: ${identity.membership?.certificate}`);
      await Promise.resolve();
    };
    const quiet = (): void => undefined;
    const fail = (_message: string, fields?: object): void => {
      this.kept.push(
        `failed: ${fields !== undefined && 'error' in fields && String(fields.error)}`,
      );
      this.#done.resolve();
    };
    const world: Pick<RenewalOptions, 'clock' | 'random' | 'logger'> = {
      clock,
      random: { fraction: () => 0.5, bytes: (count) => new Uint8Array(count) },
      logger: { debug: quiet, info: quiet, warn: fail, error: quiet },
    };
    this.#renewal = new Renewal({
      ...world,
      identity: () => identityOf('old', role),
      onRenewed: () => this.#done.resolve(),
      disk: { save: async (identity: NodeIdentity) => await keep('disk', identity) },
      seat: {
        isTaken: async () => await Promise.resolve(role === 'manager'),
        renew: async () =>
          await Promise.resolve({ ...answer, ...granted, certificate: 'own', warnings: [] }),
        renewed: async (identity: NodeIdentity) => await keep('store', identity),
      },
      calls: { renew },
      keys: {
        request: async () => await Promise.resolve('request'),
        digestOf: () => 'digest',
        read: () => said,
        isFor: () => true,
      },
    } as never);
  }

  async once(): Promise<void> {
    const over = new AbortController();
    this.#renewal.after(0);
    const running = this.#renewal.run(over.signal, async () => await this.#done.promise);
    await this.#done.promise;
    over.abort();
    await running;
  }
}

test("a manager's new certificate is its store's too, before the node shows it", async () => {
  const renewing = new Renewing('manager');
  await renewing.once();
  assert.deepEqual(renewing.kept, ['store: new', 'disk: new']);
});

test('a worker has no store that shows a certificate', async () => {
  const renewing = new Renewing('worker');
  await renewing.once();
  assert.deepEqual(renewing.kept, ['disk: new']);
});

const ended = [
  ['manager', 'silence', dayMs, 'disk: own'],
  ['manager', 'silence', 3 * 365 * dayMs, 'disk: own'],
  ['manager', 'grace-over', 3 * 365 * dayMs, 'disk: own'],
  ['manager', 'unknown-node', dayMs, 'failed: unknown-node'],
  ['manager', 'silence', -dayMs, 'failed: nobody answers'],
  ['manager', 'granted', dayMs, 'disk: new'],
  ['worker', 'silence', dayMs, 'failed: nobody answers'],
  ['worker', 'grace-over', 3 * 365 * dayMs, 'failed: grace-over'],
] as const;

for (const [role, managers, endedMs, last] of ended) {
  const days = Math.round(endedMs / dayMs);
  test(`a ${role} whose certificate ended ${days} days ago, and managers say ${managers}: ${last}`, async () => {
    const renewing = new Renewing(role, { managers, endedMs });
    await renewing.once();
    assert.equal(renewing.kept.at(-1), last);
  });
}
