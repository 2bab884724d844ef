import { unreachable } from '../lib/assert.ts';
import type { Instant } from '../model/instant.ts';
import type { Transaction, View } from '../store/view.ts';
import { planDependencies } from './dependencies.ts';
import type { Plan, PlanContext } from './plan.ts';
import { planMoves } from './plan-moves.ts';
import { planScale } from './scale.ts';
import { planService } from './plan-service.ts';
import { planSlot } from './plan-slot.ts';
import { planNetwork, planNode, planTemplate } from './reaper.ts';
import { applySteps } from './step.ts';
import type { Unit } from './unit.ts';
import { unitKey } from './unit.ts';
import { UnitQueue } from './unit-queue.ts';
import { planUpdate } from './update.ts';

/** When one unit has to be looked at again, if nothing happens to it before. */
export interface Wake {
  readonly unit: Unit;
  readonly at: Instant;
}

export interface Reconciled {
  /** Units that did not fit into this transaction: plan them in the next. */
  readonly left: readonly Unit[];
  /**
   * By `unitKey`, for every unit that was planned: when to plan it again; `undefined`: not by time.
   */
  readonly wakes: ReadonlyMap<string, Wake | undefined>;
  /** Services for which tasks were made that have no node yet. */
  readonly unplaced: ReadonlySet<string>;
}

/**
 * Units that one transaction plans, for each step that it may take: a plan that finds nothing to do
 * takes time as well, though less than a step.
 */
const unitsPerStep = 4;

/** A unit that comes back more often than this in one transaction waits for the next. */
const plansPerUnit = 4;

/** Plans one unit; the view must hold everything that was applied before. */
function planUnit(view: View, unit: Unit, context: PlanContext): Plan {
  switch (unit.kind) {
    case 'node':
      return planNode(view, unit.nodeId);
    case 'dependencies':
      return planDependencies(view, unit.serviceId, context);
    case 'service':
      return planService(view, unit.serviceId);
    case 'scale':
      return planScale(view, unit.serviceId, context);
    case 'slot':
      return planSlot(view, unit, context);
    case 'update':
      return planUpdate(view, unit.serviceId, context);
    case 'moves':
      return planMoves(view, unit.serviceId, context);
    case 'template':
      return planTemplate(view, unit.templateId);
    case 'network':
      return planNetwork(view, unit.networkId);
    default:
      return unreachable(unit);
  }
}

/**
 * Plans the units and what follows from them, and applies each plan in the transaction, until
 * nothing is left to do or the transaction has `stepLimit` steps. It ends no later than some four
 * plans for each step of that limit, so that a transaction of whatever content is a short one.
 */
export function reconcile(
  tx: Transaction,
  units: Iterable<Unit>,
  how: { readonly context: Omit<PlanContext, 'stepsLeft'>; readonly stepLimit: number },
): Reconciled {
  const queue = new UnitQueue(units);
  const wakes = new Map<string, Wake | undefined>();
  const plans = new Map<string, number>();
  const planLimit = how.stepLimit * unitsPerStep;
  const unplaced = new Set<string>();
  const postponed: Unit[] = [];
  let steps = 0;
  let planned = 0;
  for (let unit = queue.take(); unit !== undefined; unit = queue.take()) {
    const key = unitKey(unit);
    const count = (plans.get(key) ?? 0) + 1;
    if (steps >= how.stepLimit || planned >= planLimit || count > plansPerUnit) {
      postponed.push(unit);
      continue;
    }
    planned += 1;
    plans.set(key, count);
    const plan = planUnit(tx, unit, { ...how.context, stepsLeft: how.stepLimit - steps });
    applySteps(tx, plan.steps);
    steps += plan.steps.length;
    for (const step of plan.steps) {
      if (step.kind === 'create-task') unplaced.add(step.task.serviceId);
    }
    for (const next of plan.follow) queue.add(next);
    wakes.set(key, plan.wakeAt === undefined ? undefined : { unit, at: plan.wakeAt });
  }
  return { left: postponed, wakes, unplaced };
}
