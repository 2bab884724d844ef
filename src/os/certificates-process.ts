import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type ErrorCode, errorCodes, TuttiError } from '../lib/error.ts';
import type { CertificateAnswer, CertificateCalls } from './certificates-protocol.ts';

const defaultIdleMs = 5_000;
const answerLimitMs = 30_000;
/** More than a burst of joins; who comes later is told to try again. */
const queueLimit = 1_024;

export interface CertificatesProcessOptions {
  /** Program and arguments of the child. */
  readonly command: readonly [string, ...string[]];
  /** How long the child stays when there is nothing to do. */
  readonly idleMs?: number;
}

interface Waiting {
  readonly resolve: (answer: CertificateAnswer) => void;
  readonly reject: (error: TuttiError) => void;
}

interface Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly waiting: Waiting[];
  timer: NodeJS.Timeout | undefined;
}

/**
 * Certificates are made by a child, which is there only while it is needed: the library that makes
 * them costs 13 MB (docs/design/identity.md). Keys go through its pipes, never into arguments.
 */
export class CertificatesProcess {
  readonly #options: CertificatesProcessOptions;
  #child: Child | undefined;

  constructor(options: CertificatesProcessOptions) {
    this.#options = options;
  }

  /**
   * @throws TuttiError what the child says (`invalid-argument` for a bad request), `unavailable`
   *   where it dies or hangs, `resource-exhausted` where too many wait.
   */
  async ask<Kind extends keyof CertificateCalls>(
    kind: Kind,
    asks: CertificateCalls[Kind]['asks'],
  ): Promise<CertificateCalls[Kind]['answer']> {
    this.#child ??= this.#start();
    const child = this.#child;
    if (child.waiting.length >= queueLimit) {
      throw new TuttiError(
        'resource-exhausted',
        `${queueLimit} certificates wait to be made already`,
        { hint: 'Try again in a few seconds.' },
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<CertificateAnswer>();
    child.waiting.push({ resolve, reject });
    child.process.stdin.write(`${JSON.stringify({ kind, asks })}\n`);
    this.#watch(child);
    const answer = await promise;
    if (answer.kind === 'failed') throw new TuttiError(codeOf(answer.code), answer.message);
    return answer.made;
  }

  /** Whether a child lives. */
  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  close(): void {
    if (this.#child !== undefined) this.#end(this.#child, 'the manager stops');
  }

  #start(): Child {
    const [program, ...parameters] = this.#options.command;
    const process = spawn(program, parameters, { stdio: ['pipe', 'pipe', 'pipe'] });
    const child: Child = { process, waiting: [], timer: undefined };
    let complaint = '';
    process.stderr.on('data', (text: Buffer) => {
      complaint = (complaint + text.toString()).slice(-500);
    });
    // What it means is told by the child's end.
    process.stdin.on('error', () => undefined);
    createInterface({ input: process.stdout }).on('line', (line) => this.#answered(child, line));
    process.on('error', (error) => this.#end(child, error.message));
    process.on('close', (code) => this.#end(child, `it ended with ${code}: ${complaint.trim()}`));
    return child;
  }

  #answered(child: Child, line: string): void {
    const waiting = child.waiting.shift();
    try {
      waiting?.resolve(JSON.parse(line) as CertificateAnswer);
    } catch {
      waiting?.reject(unavailable('its answer is no JSON'));
    }
    this.#watch(child);
  }

  /** Ends a child that has nothing to do, and one that does nothing. */
  #watch(child: Child): void {
    clearTimeout(child.timer);
    if (child !== this.#child) return;
    const isIdle = child.waiting.length === 0;
    const limitMs = isIdle ? (this.#options.idleMs ?? defaultIdleMs) : answerLimitMs;
    child.timer = setTimeout(() => {
      this.#end(child, isIdle ? 'it was idle' : `no answer within ${limitMs} ms`);
    }, limitMs);
  }

  #end(child: Child, why: string): void {
    clearTimeout(child.timer);
    if (this.#child === child) this.#child = undefined;
    for (const { reject } of child.waiting.splice(0)) reject(unavailable(why));
    child.process.stdin.destroy();
    child.process.kill();
  }
}

function unavailable(why: string): TuttiError {
  return new TuttiError('unavailable', `the process that makes certificates failed: ${why}`);
}

function codeOf(text: string): ErrorCode {
  return errorCodes.find((code) => code === text) ?? 'internal';
}
