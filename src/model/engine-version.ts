/** Docker Engine 25 is the first whose API (1.44) has the start interval of health checks. */
const startIntervalSince = 25;

/** Whether an engine of that version, such as `20.10.24+dfsg1`, knows `start_interval`. */
export function knowsStartInterval(engineVersion: string): boolean {
  return majorOf(engineVersion) >= startIntervalSince;
}

/** Docker Engine 28 is the first that drops what does not come to a container by its own bridge. */
const guardsContainersSince = 28;

/** Whether packets that this machine routes to a container, from another device, come to it. */
export function admitsRouted(engineVersion: string): boolean {
  return majorOf(engineVersion) < guardsContainersSince;
}

/** NaN for what is no version. */
function majorOf(engineVersion: string): number {
  return Number(/^\d+/.exec(engineVersion)?.[0]);
}
