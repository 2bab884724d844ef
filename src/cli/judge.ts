import type { StackReport } from '../model/report.ts';

/** `hopeless`: it will not come to a good end by itself. */
export type Verdict = 'waiting' | 'done' | 'hopeless';

/** Decides when waiting is over. Instants are milliseconds of any one clock. */
export interface Judge<Report> {
  observe(report: Report, now: number): void;
  /** Changes with time as well as with what was observed. */
  verdict(now: number): Verdict;
}

/** Waits until nothing of a stack is left but its volumes. */
export class RemovalJudge implements Judge<StackReport> {
  #isEmpty = false;

  observe(report: StackReport): void {
    this.#isEmpty = report.services.length + report.networks.length + report.tasks.length === 0;
  }

  verdict(): Verdict {
    return this.#isEmpty ? 'done' : 'waiting';
  }
}
