import { type Step, until } from './step.ts';

const states = "--format '{{.DesiredState}} {{.CurrentState}}'";

/** Waits until so many tasks of a service run, and none is still on its way in or out. */
export function running(service: string, count: number): Step {
  const past = '(?:Shutdown (?:Shutdown|Failed|Rejected|Complete) [^\\n]*\\n)*';
  const lines = `(?:${past}Running Running [^\\n]*\\n${past}){${count}}`;
  return until(`service ps ${service} ${states}`, new RegExp(`^${lines}$`));
}

/** Waits until an update has come to its end. */
export function updated(service: string): Step {
  const state = "--format '{{.UpdateStatus.State}}'";
  return until(`service inspect ${state} ${service}`, /completed|paused/);
}

/**
 * Waits until a service has its addresses and ports; Swarm gives them a moment after it answered.
 */
export function allocated(service: string): Step {
  return until(`service inspect --format '{{.Endpoint.Spec.Mode}}' ${service}`, /vip|dnsrr/);
}
