import { writeSync } from 'node:fs';
import type { Logger } from '../host/logger.ts';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

export type LogLevel = (typeof logLevels)[number];

export interface JsonLoggerOptions {
  /** Lines below this level are left out. */
  readonly level: LogLevel;
  /** Which process or part speaks. */
  readonly name: string;
  /** Takes a line with its newline; absent: standard error. */
  readonly write?: (line: string) => void;
  readonly now?: () => number;
}

/** One JSON object for each line: `time`, `level`, `name`, `message`, then the fields. */
export class JsonLogger implements Logger {
  readonly #level: number;
  readonly #name: string;
  readonly #write: (line: string) => void;
  readonly #now: () => number;

  constructor(options: JsonLoggerOptions) {
    this.#level = logLevels.indexOf(options.level);
    this.#name = options.name;
    // Not by the stream: after one failure that is closed for good.
    this.#write = options.write ?? ((line) => void writeSync(process.stderr.fd, line));
    this.#now = options.now ?? Date.now;
  }

  debug(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#line('debug', { message, fields });
  }

  info(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#line('info', { message, fields });
  }

  warn(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#line('warn', { message, fields });
  }

  error(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#line('error', { message, fields });
  }

  #line(
    level: LogLevel,
    said: {
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>> | undefined;
    },
  ): void {
    if (logLevels.indexOf(level) < this.#level) return;
    const time = new Date(this.#now()).toISOString();
    const head = { time, level, name: this.#name, message: said.message };
    try {
      this.#write(`${toJson({ ...said.fields, ...head }, head)}\n`);
    } catch {
      // The disk of the log is full, or its reader is gone: there is nobody left to tell, and what
      // the process is for goes on.
    }
  }
}

/** A log line must never throw: what JSON cannot hold is said in words, or left out. */
function toJson(line: object, head: object): string {
  try {
    return JSON.stringify(line, plain);
  } catch (reason) {
    return JSON.stringify({ ...head, fieldsLeftOut: String(reason) });
  }
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Map || value instanceof Set) return [...value];
  if (!(value instanceof Error)) return value;
  const code = 'code' in value ? value.code : undefined;
  return { name: value.name, code, message: value.message, stack: value.stack, cause: value.cause };
}
