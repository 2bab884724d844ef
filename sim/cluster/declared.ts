import { formatAddress, parseSubnet } from '../../src/lib/ipv4.ts';
import type { Prng } from '../../src/lib/prng.ts';
import type { ControlPlane } from '../../src/manager/control-plane.ts';
import type { Network } from '../../src/model/network.ts';
import type { Service } from '../../src/model/service.ts';
import { isLive } from '../../src/store/schema.ts';
import { declare } from '../manager-world.ts';
import type { ClusterCheckers } from './checkers.ts';
import { unsteady } from './moves.ts';
import { overlayNetwork } from '../overlay-network.ts';

const container = { image: 'plain:1' };

/** Has a static address, with which its task stays on a node that is down. */
export const staysPut = 'static';

export const overlay = overlayNetwork('net');

/** The services of a simulated cluster: two that are as people have them, some that are fenced. */
export async function declareServices(
  control: Pick<ControlPlane, 'createService'>,
  of: {
    readonly network: Network;
    readonly dice: Prng;
    /** Whether some have static addresses, from among those that are chosen for others. */
    readonly withStatic: boolean;
  },
): Promise<void> {
  const { network, dice } = of;
  if (of.withStatic) await declareStatic(control, network);
  const networks = [{ networkId: network.id, aliases: [], driverOptions: {} }];
  const template = { networks };
  for (let number = 1; number <= 2; number += 1) {
    const replicas = 1 + dice.below(5);
    const order = dice.pick(['stop-first', 'start-first'] as const);
    const spec = { update: { parallelism: 1, order } };
    await control.createService(declare(`s${number}`, replicas, { template, container, spec }));
  }
  // Its node restarts it by itself where it is cut off.
  const spec = { labels: { 'dev.tutti.fence': 'true' } };
  const crashing = { template, container: { image: 'crashing:1' } };
  await control.createService(declare(unsteady, 2, crashing));
  await control.createService(declare(`${unsteady}-alone`, 1, { ...crashing, spec }));
  const replicas = 1 + dice.below(2);
  await control.createService(declare('alone', replicas, { template, container, spec }));
}

async function declareStatic(
  control: Pick<ControlPlane, 'createService'>,
  network: Network,
): Promise<void> {
  const first = parseSubnet(network.subnets[0]?.subnet ?? '')?.first ?? 0;
  const images = { [staysPut]: 'plain:1', [`${unsteady}-${staysPut}`]: 'crashing:1' };
  for (const [index, [name, image]] of Object.entries(images).entries()) {
    const ipv4Address = formatAddress(first + 3 + index);
    const networks = [{ networkId: network.id, aliases: [], driverOptions: {}, ipv4Address }];
    await control.createService(declare(name, 1, { template: { networks }, container: { image } }));
  }
}

/** What keeps a cluster from being as declared. */
export function unsettled(
  control: ControlPlane | undefined,
  checkers: ClusterCheckers,
): readonly string[] {
  if (control === undefined) return ['there is no manager'];
  const found: string[] = [];
  for (const node of control.view.nodes.all()) {
    const state = control.observed.node(node.id)?.state;
    if (state !== 'ready') found.push(`${node.description.hostname} is ${state}`);
  }
  const running = checkers.runningBySlot();
  for (const service of control.view.services.all()) {
    const tasks = [...control.view.tasks.by('service', service.id)];
    const live = tasks.filter(isLive);
    const wanted = replicasOf(service);
    const { name } = service.spec;
    if (live.length !== wanted) found.push(`${name}: ${live.length} tasks of ${wanted}`);
    for (const task of tasks.filter((one) => one.end === undefined && !isLive(one))) {
      found.push(`${name}.${task.slot} ${task.id} has not ended`);
    }
    const slots = [...running.keys()].filter((key) => key.startsWith(`${service.id}/`));
    if (slots.length !== wanted) found.push(`${name}: ${slots.length} slots of ${wanted} run`);
  }
  return found;
}

/** How many nodes the manager that leads takes for ready. */
export function countReadyNodes(control: ControlPlane | undefined): number {
  const nodes = [...(control?.view.nodes.all() ?? [])];
  return nodes.filter(({ id }) => control?.observed.node(id)?.state === 'ready').length;
}

export function replicasOf({ spec: { mode } }: Service): number {
  return mode.kind === 'replicated' ? mode.replicas : 0;
}
