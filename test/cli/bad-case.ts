/** A command line that must be refused. */
export interface BadCase {
  readonly what: string;
  /** Behind the command. */
  readonly parameters: readonly string[];
  /** Written to `bad.yml` before. */
  readonly document?: string;
  /** 2, unless the daemon cannot be reached. */
  readonly code?: number;
  /** The first line of what is said; it names the option, field or file. */
  readonly says: RegExp;
}
