import type { NetworkSpec } from './network.ts';
import type { Reason } from './reason.ts';
import type { DataSpec } from './secret.ts';
import type { ServiceDeclaration } from './service.ts';

/**
 * A whole application as a document declares it, compiled. Within it networks, secrets and configs
 * are referred to by full name where a row would hold an id; the manager resolves them in one
 * transaction. Every object carries `stackLabel`, so that any dialect finds it.
 */
export interface StackDeclaration {
  readonly name: string;
  readonly networks: readonly NetworkSpec[];
  readonly secrets: readonly { readonly spec: DataSpec; readonly data: string }[];
  readonly configs: readonly { readonly spec: DataSpec; readonly data: string }[];
  readonly services: readonly ServiceDeclaration[];
}

export type StackObjectKind = 'network' | 'secret' | 'config' | 'service';

export type StackAction = 'create' | 'update' | 'keep' | 'remove';

/** What a deploy does to one object, and for services what of it changes (`image: bb:1 → bb:2`). */
export interface StackChange {
  readonly kind: StackObjectKind;
  readonly name: string;
  readonly action: StackAction;
  readonly differences: readonly string[];
}

/** Where a new task would go, or why it could not. */
export interface PlannedTask {
  readonly service: string;
  readonly slot: number;
  readonly outcome:
    | { readonly kind: 'placed'; readonly nodeId: string; readonly nodeName: string }
    | { readonly kind: 'unplaced'; readonly reason: Reason };
}
