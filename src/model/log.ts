/** One line of a container's output. */
export interface LogFrame {
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds, as the container engine gives it. */
  readonly timestamp: string;
  /** Base64 of the line, with its newline. */
  readonly data: string;
}

export interface LogQuery {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  /** Lines from the end; absent: all. */
  readonly tail?: number;
  /** Unix seconds, fractions allowed; absent: from the beginning. */
  readonly since?: string;
  readonly until?: string;
}
