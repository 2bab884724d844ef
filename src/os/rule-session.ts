import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { createInterface } from 'node:readline';
import { TuttiError } from '../lib/error.ts';

/** No batch that fits takes the kernel longer. */
const usualLimitMs = 10_000;
/** Who changes nothing for so long has no program running for it. */
const restMs = 10_000;
/** It remembers every line, for a person who would want one of them again. */
const mostBatches = 1_000;
/** Is no command: it answers with the line itself, once all before it is done. */
const endMark = 'tutti-done';
/** Where in a line something is wrong. */
const pointer = /^[\s^~]*$/;

interface Session {
  readonly child: ChildProcessByStdio<Writable, null, Readable>;
  readonly lines: AsyncIterator<string, unknown>;
  batches: number;
}

/**
 * `nft --interactive`, kept open for a while: a program that is started for each batch waits, when
 * it ends, until the kernel has cleaned up behind the batch (a grace period of RCU, 10 ms or more),
 * although all of it holds long before. A line is a transaction. It tells errors alone, so each
 * batch is followed by a line that is one.
 */
export class RuleSession {
  readonly #program: string;
  readonly #limitMs: number;
  #session: Session | undefined;
  #rest: NodeJS.Timeout | undefined;
  /** This program has no such mode. */
  #isUnable = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(program: string, { limitMs = usualLimitMs }: { readonly limitMs?: number } = {}) {
    this.#program = program;
    this.#limitMs = limitMs;
  }

  /**
   * Carries out commands, a line each, as one transaction. Returns false where the program has no
   * such mode, and nothing was done.
   *
   * @throws where it was refused, or where it is not known what became of it.
   */
  async carryOut(script: string): Promise<boolean> {
    const next = this.#last.then(async () => await this.#carryOut(script));
    this.#last = next.catch(() => undefined);
    return await next;
  }

  async #carryOut(script: string): Promise<boolean> {
    if (this.#isUnable) return false;
    clearTimeout(this.#rest);
    const session = this.#session ?? this.#begin();
    const isNew = session.batches === 0;
    session.batches += 1;
    const batch = script.trim().split('\n').join('; ');
    session.child.stdin.write(isNew ? inLines(endMark, batch, endMark) : inLines(batch, endMark));
    if (isNew && (await this.#hear(session)) === undefined) {
      this.#isUnable = true;
      return false;
    }
    const complaints = await this.#hear(session);
    if (complaints === undefined) {
      this.#end(session);
      throw new TuttiError('internal', 'nft ended, or was ended, before it said what became of it');
    }
    if (session.batches < mostBatches) {
      this.#rest = setTimeout(() => this.#end(session), restMs).unref();
    } else this.#end(session);
    if (complaints.some((line) => line.includes('Error'))) {
      throw new TuttiError('internal', `nft failed: ${complaints.join('\n')}`);
    }
    return true;
  }

  #begin(): Session {
    // It would keep its history at home, and complain of a terminal that it does not know.
    const env = { ...process.env, HOME: '/dev/null', TERM: 'dumb' };
    const child = spawn(this.#program, ['--interactive'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env,
    });
    const session: Session = {
      child,
      lines: createInterface({ input: child.stderr })[Symbol.asyncIterator](),
      batches: 0,
    };
    const forget = (): void => {
      if (this.#session === session) this.#session = undefined;
    };
    child.on('error', forget);
    child.on('exit', forget);
    child.stdin.on('error', forget);
    // It ends with its input, and this process does not wait for it.
    child.unref();
    for (const stream of [child.stdin, child.stderr]) (stream as Partial<Socket>).unref?.();
    this.#session = session;
    return session;
  }

  /** What it said until the next mark; undefined where it ends before. */
  async #hear({ child, lines }: Session): Promise<readonly string[] | undefined> {
    const limit = setTimeout(() => void child.kill('SIGKILL'), this.#limitMs);
    try {
      const heard: string[] = [];
      for (;;) {
        const next = await lines.next();
        if (next.done === true) return undefined;
        // The line before says that the mark is no command.
        if (next.value === endMark) return heard.slice(0, -1);
        if (!pointer.test(next.value)) heard.push(next.value);
      }
    } finally {
      clearTimeout(limit);
    }
  }

  #end(session: Session): void {
    if (this.#session === session) this.#session = undefined;
    session.child.stdin.end();
  }
}

function inLines(...lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
