export interface ProgramResult {
  /** Null when a signal ended the program, it reached its limit, or it could not be started. */
  readonly code: number | null;
  readonly output: string;
}

export function runProgram(
  program: string,
  parameters: readonly string[],
  options?: {
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
    /** When it aborts, the program is asked to stop. */
    readonly signal?: AbortSignal;
    /** After so long as well; one that does not stop is killed half a minute later. */
    readonly limitMs?: number;
    readonly onOutput?: (text: string) => void;
  },
): Promise<ProgramResult>;

export function lastLines(output: string, count?: number): string;
