import type { TunnelKeyPair, TunnelKeys } from '../model/encryption.ts';

/** Where a node keeps the keys of its tunnel; private ones never leave it. */
export interface TunnelKeyStore {
  newPair(): TunnelKeyPair;
  /** Undefined: there are none, or none that can be read. */
  load(): Promise<TunnelKeys | undefined>;
  /** Atomic and durable before it resolves; readable by its owner alone. */
  save(keys: TunnelKeys): Promise<void>;
  forget(): Promise<void>;
}
