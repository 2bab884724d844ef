/** What an agent has to know to send them; told over its session, good until the next one. */
export interface LifeAccess {
  readonly keyId: number;
  /** 32 bytes in base64. Signs both ways. */
  readonly key: string;
  /** `host:port` of the manager that leads; absent: the one with which the session is. */
  readonly address?: string;
}
