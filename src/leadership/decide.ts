import type { Sighting } from '../host/followed-store.ts';
import { unreachable } from '../lib/assert.ts';
import type { Instant } from '../model/instant.ts';
import {
  type Decision,
  type Following,
  type Holding,
  type LeadershipEvent,
  type LeadershipStep,
  type Stance,
  startFollowing,
  startVacant,
  type Taking,
} from './stance.ts';
import type { LeadershipTerms } from './terms.ts';

/** What a decision depends on besides stance and event. */
export interface LeadershipCircumstances {
  readonly terms: LeadershipTerms;
  /** By a clock that never jumps. */
  readonly now: Instant;
  /** 0 for the manager that should lead by preference, 1 for the next. */
  readonly rank: number;
  /** Dice, in [0, 1). */
  readonly fraction: number;
}

/**
 * One event, one decision. A manager takes the epoch of a holder whom it has not heard for a while
 * though the store answers; a holder that cannot prove in time that it still holds the epoch stops
 * to act before another may begin. See docs/design/etcd.md, Leadership.
 */
export function decide(
  stance: Stance,
  event: LeadershipEvent,
  circumstances: LeadershipCircumstances,
): Decision {
  switch (stance.kind) {
    case 'following':
      return follow(stance, event, circumstances);
    case 'taking':
      return take(stance, event, circumstances);
    case 'holding':
      return hold(stance, event, circumstances);
    default:
      return unreachable(stance);
  }
}

/** Whether it may act now. To be asked before each act: a process may have slept since its last. */
export function mayAct(
  stance: Stance,
  { now, terms }: Pick<LeadershipCircumstances, 'now' | 'terms'>,
): boolean {
  return stance.kind === 'holding' && now < stance.provenAt + terms.holdMs;
}

/** When the next `tick` is due at the latest. */
export function wakeAt(stance: Stance, terms: LeadershipTerms): Instant {
  switch (stance.kind) {
    case 'following':
      // Whoever asks or takes hears how it went, in the end.
      if (stance.asks) return Number.POSITIVE_INFINITY;
      return Math.max(stance.heardAt + terms.doubtMs, stance.askFrom);
    case 'taking':
      return Number.POSITIVE_INFINITY;
    case 'holding': {
      const holdEnd = stance.leads ? stance.provenAt + terms.holdMs : Number.POSITIVE_INFINITY;
      const signAt = stance.signs ? Number.POSITIVE_INFINITY : stance.signFrom;
      return Math.min(holdEnd, signAt);
    }
    default:
      return unreachable(stance);
  }
}

function follow(
  stance: Following,
  event: LeadershipEvent,
  circumstances: LeadershipCircumstances,
): Decision {
  const { now, terms } = circumstances;
  switch (event.kind) {
    case 'heard':
    case 'answered': {
      const asked = event.kind === 'answered';
      if (isNews(stance.seen, event.seen)) {
        // A question that is on its way stays so until its own answer.
        return only({ ...begin(event.seen, circumstances), asks: stance.asks && !asked });
      }
      if (!asked) return only(stance);
      const answeringSince = stance.answeringSince ?? now;
      const askFrom = now + terms.askEveryMs;
      return doubt({ ...stance, asks: false, answeringSince, askFrom }, circumstances);
    }
    case 'unanswered': {
      const askFrom = now + terms.retryMs;
      return only({ ...stance, asks: false, answeringSince: undefined, askFrom });
    }
    case 'tick':
      return doubt(stance, circumstances);
    case 'taken':
    case 'not-taken':
    case 'take-lost':
    case 'proven':
    case 'sign-lost':
    case 'refused':
      // Answers to what was asked in another stance.
      return only(stance);
    default:
      return unreachable(event);
  }
}

/** Whether it is time to ask, or to take. */
function doubt(stance: Following, { now, terms }: LeadershipCircumstances): Decision {
  const { heardAt, answeringSince, extraMs, seen } = stance;
  if (now < heardAt + terms.doubtMs || stance.asks) return only(stance);
  if (answeringSince !== undefined) {
    const waitMs = Math.max(heardAt + terms.silentMs, answeringSince + terms.graceMs) + extraMs;
    if (now >= waitMs) {
      return { stance: { kind: 'taking', seen, sentAt: now }, steps: [{ kind: 'take', seen }] };
    }
  }
  if (now < stance.askFrom) return only(stance);
  return { stance: { ...stance, asks: true }, steps: [{ kind: 'ask' }] };
}

function take(
  stance: Taking,
  event: LeadershipEvent,
  circumstances: LeadershipCircumstances,
): Decision {
  const { now } = circumstances;
  switch (event.kind) {
    case 'taken': {
      // The moment of sending counts: the store did it later than that.
      const provenAt = stance.sentAt;
      const holding: Holding = {
        kind: 'holding',
        epoch: event.epoch,
        provenAt,
        signs: false,
        signFrom: provenAt + circumstances.terms.signEveryMs,
        leads: false,
      };
      return settle(holding, circumstances);
    }
    case 'not-taken':
      return only(begin(event.seen, circumstances));
    case 'take-lost': {
      // If it was taken after all, nobody knows it, and it is taken again from what is seen then.
      const { seen } = stance;
      return only({ ...begin(seen, circumstances), askFrom: now + circumstances.terms.retryMs });
    }
    case 'tick':
    case 'heard':
    case 'answered':
    case 'unanswered':
    case 'proven':
    case 'sign-lost':
    case 'refused':
      return only(stance);
    default:
      return unreachable(event);
  }
}

function hold(
  stance: Holding,
  event: LeadershipEvent,
  circumstances: LeadershipCircumstances,
): Decision {
  const { now, terms } = circumstances;
  switch (event.kind) {
    case 'tick':
      return settle(stance, circumstances);
    case 'proven': {
      if (event.epoch !== stance.epoch) return only(stance);
      const provenAt = Math.max(stance.provenAt, event.sentAt);
      // A commit proves as well: the next sign is due a while after it.
      const signFrom = provenAt + terms.signEveryMs;
      const signs = stance.signs && event.by === 'commit';
      return settle({ ...stance, signs, provenAt, signFrom }, circumstances);
    }
    case 'sign-lost': {
      const signFrom = now + terms.retryMs;
      return settle({ ...stance, signs: false, signFrom }, circumstances);
    }
    case 'heard':
    case 'answered':
    case 'refused':
      if (event.seen.epoch <= stance.epoch) return only(stance);
      return {
        stance: begin(event.seen, circumstances),
        steps: [{ kind: 'follow', epoch: event.seen.epoch }],
      };
    case 'unanswered':
    case 'taken':
    case 'not-taken':
    case 'take-lost':
      return only(stance);
    default:
      return unreachable(event);
  }
}

/** Leads while it may, and writes a sign when one is due. */
function settle(stance: Holding, { now, terms }: LeadershipCircumstances): Decision {
  const steps: LeadershipStep[] = [];
  const leads = mayAct(stance, { now, terms });
  if (leads && !stance.leads) steps.push({ kind: 'lead', epoch: stance.epoch });
  if (!leads && stance.leads) steps.push({ kind: 'pause' });
  if (stance.signs || now < stance.signFrom) {
    return { stance: { ...stance, leads }, steps };
  }
  steps.push({ kind: 'write-sign', epoch: stance.epoch });
  return { stance: { ...stance, leads, signs: true }, steps };
}

function begin(seen: Sighting, { now, terms, rank, fraction }: LeadershipCircumstances): Following {
  const extraMs = rank * terms.rankStepMs + fraction * terms.jitterMs;
  const { silentMs } = terms;
  if (seen.isReleased === true) return startVacant(seen, { now, extraMs, silentMs });
  return startFollowing(seen, { now, extraMs });
}

/** What the watch tells may be older than what a question was answered. */
function isNews(before: Sighting, seen: Sighting): boolean {
  return seen.epoch > before.epoch || (seen.epoch === before.epoch && seen.sign !== before.sign);
}

function only(stance: Stance): Decision {
  return { stance, steps: [] };
}
