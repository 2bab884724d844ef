import type { AddressReuse } from '../allocator/addresses.ts';
import { allocateTask } from '../allocator/task.ts';
import type { Service } from '../model/service.ts';
import type { PlanContext } from '../orchestrator/plan.ts';
import { startMove } from '../orchestrator/plan-moves.ts';
import { applySteps } from '../orchestrator/step.ts';
import type { Unit } from '../orchestrator/unit.ts';
import { needsOf } from '../scheduler/needs.ts';
import type { NodeLoads, Trial } from '../scheduler/node-loads.ts';
import { balancingOf, nextMove, type NextMove, withoutOutgoing } from '../scheduler/rebalance.ts';
import type { Transaction } from '../store/view.ts';

export interface RebalanceParts extends Omit<PlanContext, 'stepsLeft'> {
  readonly loads: NodeLoads;
  readonly trial: Trial;
  readonly addressReuse: AddressReuse;
}

/** Steps of one move at most: two tasks change. */
const stepsOfMove = 16;

/** `moves`, `waits`: something of it is under way, and will be heard of. */
type Outcome = 'moves' | 'waits' | 'balanced' | 'over';

/**
 * Goes on with the rebalance that people asked for, where the round planned something of a service
 * that takes part: moves its next task, one at a time for each service, and ends it once nothing is
 * to be gained in any of them. Returns what is to be planned next. Costs nothing while there is no
 * rebalance.
 */
export function passRebalance(
  tx: Transaction,
  plannedKeys: Iterable<string>,
  parts: RebalanceParts,
): readonly Unit[] {
  if (tx.services.count('rebalancing', 'yes') === 0) return [];
  const touched = touchedServices(tx, plannedKeys);
  if (touched.size === 0) return [];
  const follow: Unit[] = [];
  const outcomes = new Map<string, Outcome>();
  const look = (service: Service): void => {
    if (outcomes.has(service.id)) return;
    outcomes.set(service.id, goOn(tx, service, { ...parts, follow }));
  };
  const taking = [...tx.services.by('rebalancing', 'yes')];
  for (const service of taking) if (touched.has(service.id)) look(service);
  const isBusy = (): boolean =>
    [...tx.services.by('rebalancing', 'yes')].some(
      ({ id }) => tx.tasks.count('moving', id) > 0 || outcomes.get(id) === 'waits',
    );
  if (isBusy()) return follow;
  // Nothing is under way: what the others did may have made room for better places.
  for (const service of taking) look(service);
  const isBalanced = [...outcomes.values()].every((one) => one === 'balanced' || one === 'over');
  if (!isBusy() && isBalanced) {
    for (const { id: serviceId } of taking) {
      applySteps(tx, [{ kind: 'end-rebalance', serviceId, at: parts.now }]);
    }
  }
  return follow;
}

/** Services that take part, or have gone from it, and of which the round planned something. */
function touchedServices(tx: Transaction, plannedKeys: Iterable<string>): ReadonlySet<string> {
  const touched = new Set<string>();
  for (const key of plannedKeys) {
    const [kind, id = ''] = key.split('/');
    if (kind === 'node' || kind === 'template' || kind === 'network') continue;
    if (tx.services.get(id)?.rebalance?.state === 'running') touched.add(id);
  }
  return touched;
}

function goOn(
  tx: Transaction,
  service: Service,
  parts: RebalanceParts & { readonly follow: Unit[] },
): Outcome {
  const { now, observed, loads } = parts;
  if (tx.tasks.count('moving', service.id) > 0) return 'waits';
  const asked = { view: tx, observed, now };
  const balancing = balancingOf(service, asked);
  if (balancing.kind === 'kept') return stop(tx, service, { at: now, message: balancing.why });
  if (balancing.waits !== undefined) return 'waits';
  const services = tx.services.by('rebalancing', 'yes');
  const move = loads.asOf(tx, () =>
    withoutOutgoing(loads, { view: tx, services }, () => nextMove(loads, balancing, asked)),
  );
  return move === undefined ? 'balanced' : carryOut(tx, service, { move, parts });
}

/** The successor gets its node and its addresses in the transaction that makes it. */
function carryOut(
  tx: Transaction,
  service: Service,
  of: {
    readonly move: NextMove;
    readonly parts: RebalanceParts & { readonly follow: Unit[] };
  },
): Outcome {
  const { parts, move } = of;
  const { now, addressReuse, trial, follow } = parts;
  const template = tx.templates.get(move.task.templateId);
  if (template === undefined) return 'waits';
  const plan = startMove(tx, { service, task: move.task }, { ...parts, stepsLeft: stepsOfMove });
  const made = plan.steps.find((step) => step.kind === 'create-task')?.task;
  if (made === undefined) return 'waits';
  const nodeId = move.to.node.id;
  const got = allocateTask(tx, { service, template, nodeId, addressReuse, now });
  if (got.kind === 'refused') return stop(tx, service, { at: now, message: got.reason.message });
  applySteps(tx, plan.steps);
  const row = tx.tasks.get(made.id) ?? made;
  const placed = { ...row, nodeId, addresses: got.addresses };
  tx.tasks.put(placed);
  trial.add(placed, needsOf(template.spec));
  follow.push(...plan.follow);
  return 'moves';
}

function stop(
  tx: Transaction,
  service: Service,
  why: { readonly at: number; readonly message: string },
): Outcome {
  applySteps(tx, [{ kind: 'end-rebalance', serviceId: service.id, ...why }]);
  return 'over';
}
