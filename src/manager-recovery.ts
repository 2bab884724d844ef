import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from './host/clock.ts';
import type { Recovery } from './host/recovery.ts';
import { refuseRecovery } from './leadership/recovery.ts';
import { TuttiError } from './lib/error.ts';
import type { ManagerOutlook, RecoveryOutlook } from './model/recovery.ts';
import { type SeatFile, writeSeat } from './os/manager-seat.ts';
import type { EtcdClient } from './os/etcd-client.ts';
import { EtcdLeadership } from './os/etcd-leadership.ts';
import type { SeatedManager } from './seated-manager.ts';

/** The answer to who asked for it gets out before this process ends. */
const lastWordMs = 100;

export interface ManagerRecoveryOptions {
  readonly manager: Pick<
    SeatedManager<{ close(): void }>,
    'managers' | 'knownManagers' | 'isLoaded' | 'view'
  >;
  readonly seat: SeatFile;
  readonly seatPath: string;
  /** Of etcd's member beside this process. */
  readonly client: EtcdClient;
  readonly clock: Clock;
}

/** One of several managers, when the others are lost; see docs/design/recovery.md. */
export class ManagerRecovery implements Recovery {
  readonly #options: ManagerRecoveryOptions;
  readonly #asked = new AbortController();

  constructor(options: ManagerRecoveryOptions) {
    this.#options = options;
  }

  /** Aborts when this process is to end: the next one goes on without the others. */
  get asked(): AbortSignal {
    return this.#asked.signal;
  }

  async outlook(): Promise<RecoveryOutlook> {
    const { manager, seat, client } = this.#options;
    const store = new EtcdLeadership({ client, name: seat.nodeId });
    const storeAnswers = (await store.ask()) !== undefined;
    const managers = this.#managers();
    const hasStore = existsSync(join(seat.etcd.directory, 'data', 'member', 'wal'));
    const refusal = refuseRecovery({ managers, storeAnswers, hasStore });
    return {
      clusterId: seat.clusterId,
      nodeId: seat.nodeId,
      managers,
      ...(manager.isLoaded && { revision: manager.view.revision }),
      ...(refusal !== undefined && { refusal }),
    };
  }

  async begin(): Promise<RecoveryOutlook> {
    const { seat, seatPath, clock } = this.#options;
    const outlook = await this.outlook();
    if (outlook.refusal !== undefined) {
      const { message, hint } = outlook.refusal;
      throw new TuttiError('failed-precondition', message, { hint });
    }
    const lost = outlook.managers.filter(({ answers }) => !answers).map(({ nodeId }) => nodeId);
    await writeSeat(seatPath, { ...seat, recovery: { lost } });
    void clock.sleep(lastWordMs, this.#asked.signal).then(
      () => this.#asked.abort(),
      () => undefined,
    );
    return outlook;
  }

  #managers(): readonly ManagerOutlook[] {
    const { manager, seat } = this.#options;
    const rows = manager.isLoaded ? manager.view.nodes : undefined;
    return manager.knownManagers().map(({ nodeId, address }) => {
      const hostname = rows?.get(nodeId)?.description.hostname;
      const isSelf = nodeId === seat.nodeId;
      return {
        nodeId,
        address,
        isSelf,
        answers: isSelf || manager.managers.isReachable(nodeId),
        ...(hostname !== undefined && { hostname }),
      };
    });
  }
}
