import type { RecoveryOutlook } from '../model/recovery.ts';

/** What a manager is asked when the others are lost. */
export interface Recovery {
  outlook(): Promise<RecoveryOutlook>;
  /**
   * Has this manager go on alone, which begins when this resolves.
   *
   * @throws TuttiError `failed-precondition` with the reason why it must not.
   */
  begin(): Promise<RecoveryOutlook>;
}
