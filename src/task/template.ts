import { TuttiError } from '../lib/error.ts';
import type { DataAssignment, TaskAssignment } from '../model/assignment.ts';
import { taskContainerName } from '../model/container-name.ts';
import type { ContainerSpec, FileReference, Mount } from '../model/template.ts';
import { parseTemplate } from './go-template-parse.ts';
import type { Fields, TemplateFunction, Value } from './go-template-run.ts';
import { runTemplate } from './go-template-run.ts';

export interface TemplateContext {
  readonly task: Pick<
    TaskAssignment,
    'taskId' | 'serviceId' | 'serviceName' | 'serviceLabels' | 'slot'
  >;
  readonly node: {
    readonly id: string;
    readonly hostname: string;
    readonly os: string;
    readonly architecture: string;
  };
}

const noFunctions: ReadonlyMap<string, TemplateFunction> = new Map();

/**
 * Fills `{{.Service.Name}}` and the like in a container's environment, host name and mounts
 * (swarmkit template/context.go, template/expand.go).
 *
 * @throws TuttiError `invalid-argument` or `unimplemented` naming the placeholder that means
 *   nothing.
 */
export function fillTemplates(spec: ContainerSpec, context: TemplateContext): ContainerSpec {
  const root = fieldsOf(context);
  const fill = (text: string): string =>
    text.includes('{{') ? runTemplate(parseTemplate(text), { root, functions: noFunctions }) : text;
  return {
    ...spec,
    env: spec.env.map((variable) => fillVariable(variable, fill)),
    mounts: spec.mounts.map((mount) => fillMount(mount, fill)),
    ...(spec.hostname !== undefined && { hostname: fill(spec.hostname) }),
  };
}

type Fill = (text: string) => string;

/** The value of a variable, not its name. */
function fillVariable(variable: string, fill: Fill): string {
  const at = variable.indexOf('=');
  return at < 0 ? variable : `${variable.slice(0, at)}=${fill(variable.slice(at + 1))}`;
}

function fillMount(mount: Mount, fill: Fill): Mount {
  const target = fill(mount.target);
  if (mount.type === 'tmpfs') return { ...mount, target };
  if (mount.type === 'bind') return { ...mount, target, source: fill(mount.source) };
  const { source, labels, driver } = mount;
  return {
    ...mount,
    target,
    ...(source !== undefined && { source: fill(source) }),
    ...(labels !== undefined && { labels: fillValues(labels, fill) }),
    ...(driver !== undefined && {
      driver: { ...driver, options: fillValues(driver.options, fill) },
    }),
  };
}

function fillValues(
  values: Readonly<Record<string, string>>,
  fill: Fill,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, fill(value)]));
}

/** What a templated secret or config may ask of its container. */
export interface PayloadContext extends TemplateContext {
  /** With its placeholders filled. */
  readonly spec: Pick<ContainerSpec, 'env' | 'secrets' | 'configs'>;
  /** Content by id; undefined: it is not there (yet). */
  data(id: string): Pick<DataAssignment, 'data'> | undefined;
  /** It is a secret: no error may show any of it. */
  readonly sensitive: boolean;
}

/**
 * Fills the content of a secret or config whose templating driver is `golang`; besides the
 * placeholders it may call `env "NAME"`, `secret "target"` and `config "target"`, for what its own
 * container has (swarmkit template/context.go).
 *
 * @throws TuttiError as above, and `unavailable` while another secret or config is not there.
 */
export function fillPayload(content: Uint8Array, context: PayloadContext): Uint8Array {
  const functions = payloadFunctions(context);
  const run = (): string =>
    runTemplate(parsePayload(content), { root: fieldsOf(context), functions });
  return new TextEncoder().encode(context.sensitive ? discreetly(run) : run());
}

/**
 * Checks the grammar of a templated secret or config, before any container has it.
 *
 * @throws TuttiError as above.
 */
export function checkPayload(content: Uint8Array, of: { readonly sensitive: boolean }): void {
  if (of.sensitive) discreetly(() => parsePayload(content));
  else parsePayload(content);
}

function parsePayload(content: Uint8Array): ReturnType<typeof parseTemplate> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
    return parseTemplate(text);
  } catch (error) {
    if (error instanceof TuttiError) throw error;
    throw new TuttiError('invalid-argument', 'a templated file must be text in UTF-8');
  }
}

/** What is wrong in a secret is said without the words of the secret. */
function discreetly<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    const { code, hint } = TuttiError.from(error);
    throw new TuttiError(
      code,
      'a placeholder in the content of the secret cannot be filled in',
      hint === undefined ? {} : { hint },
    );
  }
}

function payloadFunctions(context: PayloadContext): ReadonlyMap<string, TemplateFunction> {
  const { spec } = context;
  return new Map<string, TemplateFunction>([
    ['env', (values) => variableOf(spec.env, oneText('env', values))],
    ['secret', (values) => contentOf(oneText('secret', values), { what: 'secret', context })],
    ['config', (values) => contentOf(oneText('config', values), { what: 'config', context })],
  ]);
}

function oneText(name: string, [value, ...others]: readonly Value[]): string {
  if (typeof value === 'string' && others.length === 0) return value;
  throw new TuttiError('invalid-argument', `${name} takes one text, as in ${name} "name"`);
}

/** Empty where there is none, as in Swarm. */
function variableOf(env: readonly string[], name: string): string {
  const found = env.find((variable) => variable.startsWith(`${name}=`));
  return found === undefined ? '' : found.slice(name.length + 1);
}

function contentOf(
  target: string,
  of: { readonly what: 'secret' | 'config'; readonly context: PayloadContext },
): string {
  const { what, context } = of;
  const files: readonly FileReference[] = context.spec[`${what}s`];
  const file = files.find((one) => one.target === target);
  if (file === undefined) {
    const targets = files.map((one) => one.target).join(', ');
    throw new TuttiError('invalid-argument', `the container has no ${what} with target ${target}`, {
      hint: targets === '' ? `It has no ${what} at all.` : `Its ${what}s are ${targets}.`,
    });
  }
  const found = context.data(file.sourceId);
  if (found === undefined) {
    throw new TuttiError('unavailable', `"${file.sourceName}" was not sent yet`);
  }
  return new TextDecoder().decode(Uint8Array.fromBase64(found.data));
}

function fieldsOf({ task, node }: TemplateContext): Fields {
  return {
    Service: {
      ID: task.serviceId,
      Name: task.serviceName,
      Labels: new Map(Object.entries(task.serviceLabels)),
    },
    Node: {
      ID: node.id,
      Hostname: node.hostname,
      Platform: { Architecture: node.architecture, OS: node.os },
    },
    Task: {
      ID: task.taskId,
      Name: taskContainerName(task, node.id),
      Slot: task.slot > 0 ? String(task.slot) : node.id,
    },
  };
}
