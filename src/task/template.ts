import { TuttiError } from '../lib/error.ts';
import type { TaskAssignment } from '../model/assignment.ts';
import { taskContainerName } from '../model/container-name.ts';
import type { ContainerSpec, Mount } from '../model/template.ts';

export interface TemplateContext {
  readonly task: TaskAssignment;
  readonly node: { readonly id: string; readonly hostname: string };
}

const placeholder = /\{\{\s*(.*?)\s*\}\}/g;
const labelOf = /^index \.Service\.Labels "([^"]+)"$/;

/**
 * Fills `{{.Service.Name}}` and the like in a container's environment, host name and mounts
 * (swarmkit template/context.go).
 *
 * @throws TuttiError `invalid-argument` naming the placeholder that means nothing.
 */
export function fillTemplates(spec: ContainerSpec, context: TemplateContext): ContainerSpec {
  const fill = (text: string): string =>
    text.replace(placeholder, (whole, expression: string) => {
      const value = valueOf(expression, context);
      if (value !== undefined) return value;
      throw new TuttiError('invalid-argument', `the placeholder ${whole} means nothing here`, {
        hint: 'Use .Service.ID, .Service.Name, .Service.Labels, .Node.ID, .Node.Hostname, .Task.ID, .Task.Name or .Task.Slot.',
      });
    });
  return {
    ...spec,
    env: spec.env.map(fill),
    mounts: spec.mounts.map((mount) => fillMount(mount, fill)),
    ...(spec.hostname !== undefined && { hostname: fill(spec.hostname) }),
  };
}

function fillMount(mount: Mount, fill: (text: string) => string): Mount {
  if (mount.type === 'tmpfs' || mount.source === undefined) return mount;
  return { ...mount, source: fill(mount.source), target: fill(mount.target) };
}

function valueOf(expression: string, { task, node }: TemplateContext): string | undefined {
  const label = labelOf.exec(expression)?.[1];
  if (label !== undefined) return task.serviceLabels[label] ?? '';
  switch (expression) {
    case '.Service.ID':
      return task.serviceId;
    case '.Service.Name':
      return task.serviceName;
    case '.Node.ID':
      return node.id;
    case '.Node.Hostname':
      return node.hostname;
    case '.Task.ID':
      return task.taskId;
    case '.Task.Name':
      return taskContainerName(task, node.id);
    case '.Task.Slot':
      return task.slot > 0 ? String(task.slot) : node.id;
    default:
      return undefined;
  }
}
