import { unmetConstraint } from '../model/constraint.ts';
import { knowsStartInterval } from '../model/engine-version.ts';
import { runsPlatform } from '../model/platform.ts';
import type { ServiceDeclaration } from '../model/service.ts';
import type { View } from '../store/view.ts';
import { refuse, show } from './admission-check.ts';

/**
 * Refuses what the container engine of a node that may get the tasks would drop without a word. The
 * engine of a node that comes later says so itself, and its tasks are rejected.
 */
export function checkEngines(declaration: ServiceDeclaration, view: View): void {
  const { spec, template } = declaration;
  for (const [index, container] of template.containers.entries()) {
    const startIntervalMs = container.healthCheck?.startIntervalMs ?? 0;
    if (startIntervalMs === 0) continue;
    for (const node of view.nodes.all()) {
      const { hostname, engineVersion } = node.description;
      if (node.leftAt !== undefined || knowsStartInterval(engineVersion)) continue;
      if (unmetConstraint(node, spec.placement.constraints) !== undefined) continue;
      if (!runsPlatform(node.description, spec.placement.platforms)) continue;
      refuse(
        `template.containers[${index}].healthCheck.startIntervalMs`,
        `the start interval ${show(startIntervalMs)} ms of the health check needs Docker Engine 25; ` +
          `node ${hostname} has ${engineVersion}, where checks come at the interval from the start`,
        {
          code: 'unimplemented',
          hint: 'Leave it out, make the interval shorter, or keep the service off that node.',
        },
      );
    }
  }
}
