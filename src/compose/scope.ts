import type { Labels } from '../model/labels.ts';
import type { Findings } from './findings.ts';
import type { Environment } from './interpolate.ts';
import type { ComposeFiles } from './load.ts';

/** What the readers of one document share. */
export interface Scope {
  readonly stack: string;
  readonly directory: string;
  readonly files: ComposeFiles;
  readonly environment: Environment;
  readonly findings: Findings;
  /** Full names by the names that the document uses. */
  readonly networkNames: ReadonlyMap<string, string>;
  readonly secretNames: ReadonlyMap<string, string>;
  readonly configNames: ReadonlyMap<string, string>;
  readonly volumes: ReadonlyMap<string, NamedVolume>;
}

/** A top-level volume: its full name and how to make it. */
export interface NamedVolume {
  readonly name: string;
  readonly external: boolean;
  readonly labels: Labels;
  readonly driver?: string;
  readonly driverOptions: Readonly<Record<string, string>>;
}

/** `<stack>_<name>`: how the objects of a stack are called in the cluster. */
export function scopedName(stack: string, name: string): string {
  return `${stack}_${name}`;
}
