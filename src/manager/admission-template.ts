import { TuttiError } from '../lib/error.ts';
import type { ServiceDeclaration } from '../model/service.ts';
import { isTemplated } from '../model/secret.ts';
import type { ContainerSpec } from '../model/template.ts';
import type { TemplateContext } from '../task/template.ts';
import { checkPayload, fillPayload, fillTemplates } from '../task/template.ts';
import type { View } from '../store/view.ts';
import { refuse } from './admission-check.ts';

/** Any node and task: what means something for this one means something for each. */
const anyNode: TemplateContext['node'] = {
  id: 'n',
  hostname: 'node',
  os: 'linux',
  architecture: 'x86_64',
};

/**
 * Fills in every placeholder of the declaration for a task that is not there, so that one that
 * means nothing is refused now and not by each task.
 */
export function checkPlaceholders(declaration: ServiceDeclaration, view: View): void {
  const { name, labels } = declaration.spec;
  const task = { taskId: 't', serviceId: 's', serviceName: name, serviceLabels: labels, slot: 1 };
  const context: TemplateContext = { task, node: anyNode };
  declaration.template.containers.forEach((container, index) => {
    const field = `template.containers[${index}]`;
    const filled = within(field, () => fillTemplates(container, context));
    checkFiles(field, { filled, context, view });
  });
}

/** Templated files may ask for other files and variables of their own container. */
function checkFiles(
  field: string,
  of: {
    readonly filled: ContainerSpec;
    readonly context: TemplateContext;
    readonly view: View;
  },
): void {
  const { filled: spec, context, view } = of;
  const row = (id: string) => view.secrets.get(id) ?? view.configs.get(id);
  for (const kind of ['secrets', 'configs'] as const) {
    spec[kind].forEach((file, index) => {
      const found = row(file.sourceId);
      if (found === undefined || !isTemplated(found.spec)) return;
      const content = Uint8Array.fromBase64(found.data);
      const payload = { ...context, spec, data: row, sensitive: kind === 'secrets' };
      within(`${field}.${kind}[${index}]`, () => fillPayload(content, payload));
    });
  }
}

/** What can be said of a templated secret or config before any service uses it: its grammar. */
export function checkTemplatedData(kind: 'secret' | 'config', data: string): void {
  const content = Uint8Array.fromBase64(data);
  within('data', () => checkPayload(content, { sensitive: kind === 'secret' }));
}

/** Says in which field a placeholder was found. */
function within<T>(field: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const { code, message, hint } = TuttiError.from(error);
    return refuse(field, message, { code, ...(hint === undefined ? {} : { hint }) });
  }
}
