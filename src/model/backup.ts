import type { Instant } from './instant.ts';

/** The format that this program writes, and the newest that it reads. */
export const backupFormat = 1;

/** How the key of a backup comes about. Salts are base64url, and each backup has its own. */
export type BackupLock =
  | {
      readonly kind: 'passphrase';
      readonly salt: string;
      /** Of scrypt: N, r and p. */
      readonly cost: number;
      readonly blockSize: number;
      readonly parallelization: number;
    }
  | { readonly kind: 'key-file'; readonly salt: string }
  /** The cluster's own: it opens only where the sealing key is. */
  | { readonly kind: 'sealing-key'; readonly salt: string };

/** What a person opens backups with. */
export type BackupSecret =
  | { readonly kind: 'passphrase'; readonly text: string }
  | { readonly kind: 'key-file'; readonly path: string };

export type BackupReason = 'asked' | 'daily' | 'migration' | 'recovery';

/** The first line of a backup, readable by everyone; what follows is encrypted, and bound to it. */
export interface BackupHeader {
  readonly tutti: 'backup';
  readonly format: number;
  readonly createdAt: Instant;
  readonly why: BackupReason;
  readonly clusterId: string;
  readonly schemaVersion: number;
  readonly epoch: number;
  readonly revision: number;
  readonly lock: BackupLock;
  /** Tells a wrong passphrase from a damaged file. */
  readonly keyCheck: string;
  /** Base64url. */
  readonly nonce: string;
}

/** One automatic snapshot, as `tutti backup ls` shows it. */
export interface SnapshotReport {
  readonly path: string;
  readonly sizeBytes: number;
  /** Absent: the file is damaged. */
  readonly header?: Pick<
    BackupHeader,
    'createdAt' | 'why' | 'clusterId' | 'schemaVersion' | 'epoch' | 'revision'
  >;
}

export interface RestoreOptions {
  readonly path: string;
  readonly dataDirectory: string;
  /** Absent: it is a snapshot, and the sealing key is in the data directory. */
  readonly secret?: BackupSecret;
  readonly newCluster: boolean;
  /** Where the restored manager is reached, if that has changed. */
  readonly advertiseAddress?: string;
}

export interface RestoreReport {
  readonly clusterId: string;
  /** When the backup was made. */
  readonly createdAt: Instant;
  readonly epoch: number;
  readonly revision: number;
  /** By table. */
  readonly rows: Readonly<Record<string, number>>;
}
