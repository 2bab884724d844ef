/** Why tasks of silent nodes stay where they are. */
export type Hold =
  /** As many nodes as are left, or more, fell silent together: the fault may be ours. */
  | { readonly kind: 'mass'; readonly silent: number; readonly known: number }
  /** Nobody is left who could take a task. */
  | { readonly kind: 'nobody-left' }
  /** Tasks of other nodes are being moved. */
  | { readonly kind: 'rate' };

/**
 * Whether silence is to be blamed on ourselves. One node alone may always be given up, as long as
 * somebody is left.
 */
export function holdFor(counts: {
  /** Silent now and not down, or down since a moment ago. */
  readonly vanished: number;
  readonly alive: number;
}): Hold | undefined {
  const { vanished, alive } = counts;
  if (alive === 0) return { kind: 'nobody-left' };
  if (vanished < 2 || vanished < alive) return undefined;
  return { kind: 'mass', silent: vanished, known: vanished + alive };
}
