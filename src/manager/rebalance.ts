import { TuttiError } from '../lib/error.ts';
import type { Instant } from '../model/instant.ts';
import type { Observed } from '../model/observed.ts';
import type { RebalancedService, RebalancePlan, RebalanceReport } from '../model/rebalance.ts';
import type { Service } from '../model/service.ts';
import { NodeLoads } from '../scheduler/node-loads.ts';
import { balancingOf, planRebalance } from '../scheduler/rebalance.ts';
import type { Transaction, View } from '../store/view.ts';

interface Asked {
  readonly view: View;
  readonly observed: Observed;
  readonly now: Instant;
}

/** What a rebalance of these services would do now; none named: of all. Changes nothing. */
export function rehearseRebalance(serviceIds: readonly string[], asked: Asked): RebalancePlan {
  const { view } = asked;
  const services = servicesOf(view, serviceIds);
  const plan = planRebalance(new NodeLoads(view), { ...asked, services });
  // Who asks for all services knows that global ones and jobs are not balanced.
  const isAsked = (name: string): boolean =>
    serviceIds.length > 0 ||
    services.some(({ spec }) => spec.name === name && spec.mode.kind === 'replicated');
  return { ...plan, kept: plan.kept.filter(({ service }) => isAsked(service)) };
}

/**
 * Has the services balanced from now on, until they are: a mark on each row, which the planner
 * follows. Those that are being balanced go on.
 */
export function startRebalance(
  tx: Transaction,
  serviceIds: readonly string[],
  of: { readonly now: Instant; readonly observed: Observed },
): void {
  const running = [...tx.services.by('rebalancing', 'yes')];
  const startedAt = running[0]?.rebalance?.startedAt ?? of.now;
  for (const service of servicesOf(tx, serviceIds)) {
    if (service.rebalance?.state === 'running') continue;
    if (balancingOf(service, { view: tx, ...of }).kind === 'kept') continue;
    tx.services.put({ ...service, rebalance: { state: 'running', startedAt, moved: 0 } });
  }
}

/** No further task is moved; one that is on its way and does not run yet goes back. */
export function stopRebalance(tx: Transaction, now: Instant): readonly string[] {
  const running = [...tx.services.by('rebalancing', 'yes')];
  for (const service of running) {
    const { rebalance } = service;
    if (rebalance === undefined) continue;
    const message = 'somebody stopped it';
    tx.services.put({
      ...service,
      rebalance: { ...rebalance, state: 'stopped', endedAt: now, message },
    });
  }
  return running.map(({ spec }) => spec.name).toSorted();
}

/** The rebalance under way, or the last one. */
export function reportRebalance(asked: Asked): RebalanceReport {
  const services = [...asked.view.services.all()].filter(
    ({ rebalance, removing }) => rebalance !== undefined && removing !== true,
  );
  const latest = Math.max(...services.map(({ rebalance }) => rebalance?.startedAt ?? 0));
  const reports = services
    .filter(({ rebalance }) => rebalance?.startedAt === latest || rebalance?.state === 'running')
    .toSorted((left, right) => left.spec.name.localeCompare(right.spec.name))
    .flatMap((service) => reportService(service, asked) ?? []);
  return { running: reports.some(({ state }) => state === 'running'), services: reports };
}

function reportService(service: Service, asked: Asked): RebalancedService | undefined {
  if (service.rebalance === undefined) return undefined;
  const { startedAt: _, ...status } = service.rebalance;
  const about = { service: service.spec.name, ...status };
  if (status.state !== 'running') return about;
  const moving = moveOf(service, asked.view);
  if (moving !== undefined) return { ...about, moving };
  const balancing = balancingOf(service, asked);
  const waits = balancing.kind === 'may' ? balancing.waits : balancing.why;
  return waits === undefined ? about : { ...about, waits };
}

function moveOf(service: Service, view: View): RebalancedService['moving'] {
  const tasks = [...view.tasks.by('live', service.id)];
  const head = tasks.find((task) => task.move?.cause === 'rebalance' && task.move.turn === 'held');
  if (head === undefined) return undefined;
  const before = [...view.tasks.by('service', service.id)]
    .filter((task) => task.slot === head.slot && task.generation < head.generation)
    .toSorted((left, right) => right.generation - left.generation)[0];
  const nameOf = (nodeId: string | undefined): string =>
    view.nodes.get(nodeId ?? '')?.description.hostname ?? '?';
  const task = `${service.spec.name}.${head.slot}`;
  return { task, from: nameOf(before?.nodeId), to: nameOf(head.nodeId) };
}

/** In the order of their names, so that equal input gives equal plans. */
function servicesOf(view: View, serviceIds: readonly string[]): readonly Service[] {
  const asked =
    serviceIds.length === 0
      ? [...view.services.all()].filter((service) => service.removing !== true)
      : [...new Set(serviceIds)].map((id) => present(view, id));
  return asked.toSorted((left, right) => left.spec.name.localeCompare(right.spec.name));
}

function present(view: View, serviceId: string): Service {
  const service = view.services.get(serviceId);
  if (service !== undefined && service.removing !== true) return service;
  throw new TuttiError('not-found', `service ${serviceId} not found`);
}
