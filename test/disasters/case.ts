import type { DisasterSite, Return } from './site.ts';

/** A disaster, on a cluster of its own. */
export interface Case {
  readonly name: string;
  /** A few words for a table. */
  readonly what: string;
  /** Throws where something was lost, ran twice, or did not come back. */
  run(site: DisasterSite): Promise<Return>;
}

export interface CaseResult extends Return {
  readonly name: string;
  readonly what: string;
  /** Configs, secrets and services that were compared at the end. */
  readonly compared: number;
}
