import type { Instant } from './instant.ts';
import type { Labels } from './labels.ts';

export interface DataSpec {
  readonly name: string;
  readonly labels: Labels;
  readonly driver?: { readonly name: string; readonly options: Readonly<Record<string, string>> };
  readonly templating?: {
    readonly name: string;
    readonly options: Readonly<Record<string, string>>;
  };
}

/** Whether the content holds placeholders that are filled in for each task. */
export function isTemplated(spec: DataSpec): boolean {
  return (spec.templating?.name ?? '') !== '';
}

/** A secret row. `data` leaves the manager only in an assignment to a node that uses it. */
export interface Secret {
  readonly id: string;
  /** Store revision of the last change of what a person declared; guards read-modify-write. */
  readonly version: number;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly spec: DataSpec;
  /** Base64. */
  readonly data: string;
}

/** A config row: like a secret, but readable. */
export interface Config {
  readonly id: string;
  /** Store revision of the last change of what a person declared; guards read-modify-write. */
  readonly version: number;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly spec: DataSpec;
  /** Base64. */
  readonly data: string;
}
