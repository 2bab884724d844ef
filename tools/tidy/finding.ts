/** One breach of a rule of the repository. */
export interface Finding {
  readonly rule: string;
  /** Relative to the root of the repository. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** What is wrong and what to do instead. */
  readonly message: string;
}

/** `path:line rule: message`, as editors and people read it. */
export function formatFinding({ path, line, rule, message }: Finding): string {
  return `${path}:${line} ${rule}: ${message}`;
}
