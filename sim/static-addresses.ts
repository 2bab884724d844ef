import { formatAddress, parseSubnet } from '../src/lib/ipv4.ts';
import type { Prng } from '../src/lib/prng.ts';
import type { ServiceDeclaration, ServiceSpec, UpdateSettings } from '../src/model/service.ts';
import type { Task } from '../src/model/task.ts';
import type { NetworkAttachmentSpec } from '../src/model/template.ts';
import { addressKey, hasStaticAddress, staticAddresses } from '../src/store/schema.ts';
import type { Change, View } from '../src/store/view.ts';

/** In a part of all lives, and with dice of its own: the others are as they were without it. */
const shareOfLives = 0.4;
/** Few enough that services meet in one, and those that are chosen come from the same ones. */
const addresses = 10;

/** Gives addresses to services that are declared, and takes them away again. */
export class StaticAddresses {
  readonly #dice: Prng;
  readonly #isOn: boolean;

  constructor(dice: Prng) {
    this.#dice = dice;
    this.#isOn = dice.chance(shareOfLives);
  }

  ofNew(declaration: ServiceDeclaration, view: View): ServiceDeclaration {
    return this.#isOn && this.#dice.chance(0.4) ? this.#drawn(declaration, view) : declaration;
  }

  ofChanged(declaration: ServiceDeclaration, view: View): ServiceDeclaration {
    if (!this.#isOn) return declaration;
    if (!this.#dice.chance(0.2)) return soleTask(declaration);
    const has = hasStaticAddress(declaration.template);
    return has ? withAddress(declaration, undefined) : this.#drawn(declaration, view);
  }

  #drawn(declaration: ServiceDeclaration, view: View): ServiceDeclaration {
    const [first] = declaration.template.networks;
    const network = view.networks.get(first?.networkId ?? '');
    const subnet = parseSubnet(network?.subnets[0]?.subnet ?? '');
    if (subnet === undefined) return declaration;
    const address = formatAddress(subnet.first + 2 + this.#dice.below(addresses));
    return soleTask(withAddress(declaration, address));
  }
}

function withAddress(
  declaration: ServiceDeclaration,
  ipv4Address: string | undefined,
): ServiceDeclaration {
  const { template } = declaration;
  const networks = template.networks.map((one, index): NetworkAttachmentSpec => {
    const { ipv4Address: _, ...plain } = one;
    return index > 0 || ipv4Address === undefined ? plain : { ...plain, ipv4Address };
  });
  return { ...declaration, template: { ...template, networks } };
}

/** What a static address asks of its service; a service that cannot have one goes without. */
function soleTask(declaration: ServiceDeclaration): ServiceDeclaration {
  if (!hasStaticAddress(declaration.template)) return declaration;
  const { mode, update, rollback, ...spec } = declaration.spec;
  if (mode.kind !== 'replicated') return withAddress(declaration, undefined);
  const inOrder = (settings: UpdateSettings): UpdateSettings => ({
    ...settings,
    order: 'stop-first',
  });
  const sole: ServiceSpec = {
    ...spec,
    mode: { kind: 'replicated', replicas: Math.min(1, mode.replicas) },
    ...(update !== undefined && { update: inOrder(update) }),
    ...(rollback !== undefined && { rollback: inOrder(rollback) }),
  };
  return { ...declaration, spec: sole };
}

/**
 * Says how a task that was given its addresses has others than its template and those of others
 * say.
 */
export function missedAddress(view: View, change: Change): string | undefined {
  if (change.table !== 'tasks' || change.after === undefined) return undefined;
  const { before, after } = change;
  if (after.nodeId === undefined || before?.nodeId !== undefined) return undefined;
  const mine = after.addresses.map((one) => addressKey(one.networkId, one.address));
  const declared = view.templates.get(after.templateId)?.spec ?? { networks: [] };
  const missed = staticAddresses(declared).find((key) => !mine.includes(key));
  if (missed !== undefined) return `task ${after.id} has ${mine.join()}, and not ${missed}`;
  const chosen = mine.filter((key) => !staticAddresses(declared).includes(key));
  const foreign = chosen.find((key) => isOfAnother(view, after, key));
  return foreign === undefined ? undefined : `task ${after.id} was given ${foreign} of another`;
}

/** A task may have been given it, and end, before another service declared it. */
function isOfAnother(view: View, task: Task, key: string): boolean {
  return [...view.templates.by('address', key)].some(({ serviceId }) => {
    const service = view.services.get(serviceId);
    return serviceId !== task.serviceId && service !== undefined && service.removing !== true;
  });
}

/** Whether another service has declared what the service's own task goes back to. */
export function isContested(view: View, task: Task): boolean {
  const declared = view.templates.get(task.templateId)?.spec;
  const keys = declared === undefined ? [] : staticAddresses(declared);
  return keys.some((key) => isOfAnother(view, task, key));
}

/** The addresses that templates declare, without their networks: a world has one. */
export function declaredAddresses(change: Change): readonly string[] {
  if (change.table !== 'templates' || change.after === undefined) return [];
  return change.after.spec.networks.flatMap(({ ipv4Address }) => ipv4Address ?? []);
}
