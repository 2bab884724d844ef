import type { TaskTemplateSpec } from '../model/template.ts';
import { portKey } from '../store/schema.ts';

/** What one task takes of its node. */
export interface Needs {
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  /** Ports of the node itself, see `portKey`. */
  readonly hostPorts: readonly string[];
}

/** The reservations of all containers, and the host ports that are declared by number. */
export function needsOf(template: TaskTemplateSpec): Needs {
  let nanoCpus = 0;
  let memoryBytes = 0;
  for (const { reservations } of template.containers) {
    nanoCpus += reservations.nanoCpus ?? 0;
    memoryBytes += reservations.memoryBytes ?? 0;
  }
  const hostPorts = template.hostPorts.flatMap(({ protocol, publishedPort = 0 }) =>
    publishedPort > 0 ? [portKey(protocol, publishedPort)] : [],
  );
  return { nanoCpus, memoryBytes, hostPorts };
}
