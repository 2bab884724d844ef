import type { PlannedTask, StackChange, StackDeclaration } from '../model/stack.ts';
import { readCluster } from './cluster.ts';
import type { CliContext } from './context.ts';
import { exitCodes } from './context.ts';
import { plural } from './describe.ts';
import type { Paint } from './paint.ts';
import { describeChange, stackRequest, tellWarnings } from './stack-changes.ts';
import type { StackDocumentOptions } from './stack-documents.ts';

export interface StackPlanOptions extends StackDocumentOptions {
  readonly prune: boolean;
  readonly strict: boolean;
}

interface Plan {
  readonly changes: readonly StackChange[];
  readonly tasks: readonly PlannedTask[];
}

/** `tutti stack plan`: what a deploy would change and where tasks would go; changes nothing. */
export async function stackPlan(context: CliContext, options: StackPlanOptions): Promise<number> {
  // Only these commands need the compiler, which is most of the program.
  const { compileDocuments } = await import('./stack-documents.ts');
  const compiled = await compileDocuments(options);
  const warnings = tellWarnings(context, { compiled, strict: options.strict });
  const { declaration } = compiled;
  const { state } = await readCluster(context);
  const hasCluster = state !== 'inactive';
  const plan = hasCluster
    ? await context.client.call<Plan>({
        method: 'POST',
        path: `/tutti/v1/stacks/${encodeURIComponent(declaration.name)}/plan`,
        body: stackRequest(declaration, options),
        signal: context.signal,
      })
    : planWithoutCluster(declaration);
  if (context.json) {
    const { changes, tasks } = plan;
    const result = { stack: declaration.name, cluster: hasCluster, warnings, changes, tasks };
    context.output.write(`${JSON.stringify(result)}\n`);
    return exitCodes.success;
  }
  if (!hasCluster) {
    context.output.note('no cluster yet: a deploy makes one of this machine, and runs all here\n');
  }
  const globals = new Set(
    declaration.services
      .filter(({ spec }) => spec.mode.kind.startsWith('global'))
      .map(({ spec }) => spec.name),
  );
  context.output.write(renderPlan(plan, { paint: context.output.paint, globals }));
  return exitCodes.success;
}

/** Everything is new, and nobody can say yet where it goes. */
function planWithoutCluster(declaration: StackDeclaration): Plan {
  const create = (kind: StackChange['kind'], name: string): StackChange => ({
    kind,
    name,
    action: 'create',
    differences: [],
  });
  const { networks, secrets, configs, services } = declaration;
  const changes = [
    ...networks.map(({ name }) => create('network', name)),
    ...secrets.map(({ spec }) => create('secret', spec.name)),
    ...configs.map(({ spec }) => create('config', spec.name)),
    ...services.map(({ spec }) => create('service', spec.name)),
  ];
  return { changes, tasks: [] };
}

function renderPlan(
  plan: Plan,
  { paint, globals }: { readonly paint: Paint; readonly globals: ReadonlySet<string> },
): string {
  const made = plan.changes.filter((change) => change.action !== 'keep');
  const kept = plan.changes.length - made.length;
  const changes = made.map((change) => describeChange(change, paint));
  const summary =
    made.length === 0
      ? 'nothing to change'
      : `${plural(made.length, 'change')}, ${kept} unchanged, ${plural(plan.tasks.length, 'new task')}`;
  const tasks = plan.tasks.map(
    (task) => `${taskName(task, globals)} → ${describeOutcome(task, paint)}`,
  );
  return `${[...changes, ...tasks, summary].join('\n')}\n`;
}

function taskName(task: PlannedTask, globals: ReadonlySet<string>): string {
  const { service, slot, outcome } = task;
  if (!globals.has(service)) return `${service}.${slot}`;
  return outcome.kind === 'placed' ? `${service}.${outcome.nodeName}` : service;
}

function describeOutcome({ outcome }: PlannedTask, paint: Paint): string {
  if (outcome.kind === 'placed') return outcome.nodeName;
  const { message, hint } = outcome.reason;
  return `${paint('red', 'nowhere')}: ${message}${hint === undefined ? '' : `\n    ${hint}`}`;
}
