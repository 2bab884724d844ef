import type { ReasonCode } from '../model/reason.ts';
import type { ServiceReport, StackReport, TaskReport } from '../model/report.ts';
import type { Judge, Verdict } from './judge.ts';

export interface DeployExpectation {
  /** Full names of the services that the document declares. */
  readonly services: ReadonlySet<string>;
  /** Of those, the ones that the deploy changed: how their update went counts. */
  readonly changed: ReadonlySet<string>;
  /** How long everything must have run before it counts as running. */
  readonly settleMs: number;
  /** How long nothing may get better, once something is wrong. */
  readonly patienceMs: number;
}

/** Nothing changes there unless a person or another service does something. */
const stuckCodes: ReadonlySet<ReasonCode> = new Set([
  'no-suitable-node',
  'no-node-ready',
  'constraint-unmet',
  'insufficient-resources',
  'host-port-in-use',
  'published-port-in-use',
  'max-replicas-per-node',
  'platform-mismatch',
  'encryption-missing',
  'network-missing',
  'addresses-exhausted',
  'address-in-use',
  'secret-missing',
  'config-missing',
  'secret-unavailable',
  'node-unreachable',
  'mount-missing',
  'container-engine-unavailable',
]);

/** An image that was not there that often is not coming by itself. */
const imageAttempts = 2;
/** What crashed before must run longer than what did not. */
const settleFactorAfterFailure = 5;

/**
 * Decides from the reports of a stack whether its deploy came to a good end, or will not come to
 * one by itself: an update stopped, a task is not restarted any more, or nothing got better for a
 * while although somebody is in trouble and nobody is still at work.
 */
export class DeployJudge implements Judge<StackReport> {
  readonly #expected: DeployExpectation;
  readonly #best = new Map<string, number>();
  #report: StackReport | undefined;
  #calmSince: number | undefined;
  #troubleSince: number | undefined;

  constructor(expected: DeployExpectation) {
    this.#expected = expected;
  }

  observe(report: StackReport, now: number): void {
    this.#report = report;
    const gotBetter = this.#noteBest(report);
    this.#calmSince = this.#isConverged(report) ? (this.#calmSince ?? now) : undefined;
    const unsettled = this.#unsettled(report);
    const isInTrouble = unsettled.some(isTroubled) && !unsettled.some(isAtWork);
    if (!isInTrouble && this.#calmSince === undefined) this.#troubleSince = undefined;
    else if (isInTrouble) this.#troubleSince = gotBetter ? now : (this.#troubleSince ?? now);
  }

  verdict(now: number): Verdict {
    const report = this.#report;
    if (report === undefined) return 'waiting';
    const { patienceMs } = this.#expected;
    if (this.#calmSince !== undefined) {
      if (this.#declared(report).some(this.#hasRolledBack)) return 'hopeless';
      return now - this.#calmSince >= this.#settleMs(report) ? 'done' : 'waiting';
    }
    if (this.#declared(report).some(this.#hasStopped)) return 'hopeless';
    const unsettled = this.#unsettled(report);
    if (unsettled.some(isAtWork)) return 'waiting';
    // Others that are in trouble get their time: a person wants to hear of all at once.
    const isOver = (task: TaskReport) => isFinal(task) || !isTroubled(task);
    if (unsettled.some(isFinal) && unsettled.every(isOver)) return 'hopeless';
    const since = this.#troubleSince;
    return since !== undefined && now - since >= patienceMs ? 'hopeless' : 'waiting';
  }

  #declared(report: StackReport): readonly ServiceReport[] {
    return report.services.filter((service) => this.#expected.services.has(service.name));
  }

  #isConverged(report: StackReport): boolean {
    const declared = this.#declared(report);
    return (
      declared.length === this.#expected.services.size && declared.every((one) => one.converged)
    );
  }

  /** Tasks of services that are not what they should be. */
  #unsettled(report: StackReport): readonly TaskReport[] {
    const names = new Set(
      this.#declared(report).flatMap((one) => (one.converged ? [] : [one.name])),
    );
    const { services } = this.#expected;
    return report.tasks.filter(
      (task) => names.has(task.service) || (services.has(task.service) && keepsFailing(task)),
    );
  }

  #noteBest(report: StackReport): boolean {
    let better = false;
    for (const { name, running, completed } of report.services) {
      const ready = running + completed;
      if (ready <= (this.#best.get(name) ?? 0)) continue;
      this.#best.set(name, ready);
      better = true;
    }
    return better;
  }

  #settleMs(report: StackReport): number {
    const { services, settleMs } = this.#expected;
    const hasCrashed = report.tasks.some(
      (task) => services.has(task.service) && task.state === 'running' && task.failure,
    );
    return hasCrashed ? settleMs * settleFactorAfterFailure : settleMs;
  }

  readonly #hasStopped = ({ name, update }: ServiceReport): boolean => {
    if (update?.state === 'paused' || update?.state === 'rollback_paused') return true;
    return update?.state === 'rollback_completed' && this.#expected.changed.has(name);
  };

  readonly #hasRolledBack = ({ name, update }: ServiceReport): boolean =>
    update?.state === 'rollback_completed' && this.#expected.changed.has(name);
}

/** It may run right now, and fail the next moment. */
export function keepsFailing({ failure, restarts }: TaskReport): boolean {
  return failure !== undefined && restarts > 1;
}

/** Something is wrong with it, for now or for good. */
export function isTroubled(task: TaskReport): boolean {
  if (isFinal(task) || task.failure !== undefined) return true;
  return task.reason !== undefined && stuckCodes.has(task.reason.code);
}

/** It will not come to a good end unless somebody does something. */
function isFinal(task: TaskReport): boolean {
  if (task.spent === true) return task.state !== 'complete';
  const { failure, restarts } = task;
  return failure?.reason.code === 'image-missing' && restarts >= imageAttempts;
}

/** It is on its way, and nothing was wrong with it yet. */
function isAtWork(task: TaskReport): boolean {
  if (isTroubled(task) || task.state === 'running' || task.spent === true) return false;
  return task.reason?.code !== 'waiting-for-dependency';
}
