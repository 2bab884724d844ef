import type { DiscoveryView } from '../host/node-network.ts';

/** Ids of the tasks of this node that connections may be led to. */
export function readyHere({ own, tasks, publications }: DiscoveryView): ReadonlySet<string> {
  const found = [...own.keys()].filter((taskId) => tasks.get(taskId)?.ready === true);
  return new Set([...found, ...publications.flatMap((one) => (one.ready ? one.taskId : []))]);
}

/** For another process, which would not know what copies share. */
export function plainView(view: DiscoveryView): DiscoveryView {
  return { ...view, services: new Map(view.services), tasks: new Map(view.tasks) };
}
