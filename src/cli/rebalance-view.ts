import type { RebalancedService, RebalanceReport } from '../model/rebalance.ts';
import type { ReportView } from './report-screen.ts';

/**
 * How many tasks were moved, and what each service is at.
 *
 * @param planned How many tasks were to be moved at the beginning.
 */
export function rebalanceView(planned: number): ReportView<RebalanceReport> {
  return {
    lines: ({ services }) => services.flatMap((service) => describeNow(service) ?? []),
    picture: ({ running, services }, text) => {
      const moved = services.reduce((sum, service) => sum + service.moved, 0);
      const hasStopped = services.some(({ state }) => state === 'stopped');
      const of = planned > moved ? ` of ${planned}` : '';
      const head = `${text.mark(!running && !hasStopped, hasStopped)} ${moved}${of} moved`;
      const lines = services.flatMap((service) => describeNow(service) ?? []).slice(0, text.room);
      return [text.fit(head, text.passed()), ...lines.map((line) => text.fit(`  ${line}`, ''))];
    },
  };
}

/** What a service is at; none: nothing that a person wants to read. */
function describeNow({ service, state, moving, waits }: RebalancedService): string | undefined {
  if (state !== 'running') return undefined;
  if (moving !== undefined) return `${moving.task}: ${moving.from} → ${moving.to}`;
  return waits === undefined ? undefined : `${service} waits: ${waits}`;
}
