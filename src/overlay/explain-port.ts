import type { DiscoveryView } from '../host/node-network.ts';
import { TuttiError } from '../lib/error.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import { shortList } from '../lib/short-list.ts';
import type { CatalogService, CatalogTask } from '../model/assignment.ts';
import type { Explanation } from '../model/report.ts';
import type { RefusedPort, WantedPort } from './port-forwards.ts';

type Protocol = WantedPort['forward']['protocol'];

/** A port of this node; of all protocols where none is said. */
export interface AskedPort {
  readonly port: number;
  readonly protocol: Protocol | undefined;
}

/** The published ports of a node, and those that it cannot serve, with the reason. */
export interface PortsOfNode {
  readonly view: DiscoveryView;
  readonly wanted: readonly WantedPort[];
  readonly refused: readonly RefusedPort[];
}

const protocols: readonly Protocol[] = ['tcp', 'udp', 'sctp'];
const highestPort = 65_535;
/** @throws TuttiError `invalid-argument` for what is no port. */
export function parseAskedPort(text: string): AskedPort {
  const [, digits = '', name] = /^(\d{1,5})(?:\/(\w+))?$/.exec(text) ?? [];
  const port = Number(digits);
  const protocol = protocols.find((one) => one === name);
  if (port < 1 || port > highestPort || (name !== undefined && protocol === undefined)) {
    throw new TuttiError(
      'invalid-argument',
      `port: expected a number up to ${highestPort}, alone or with its protocol (8080, 8080/tcp, ` +
        `53/udp), found "${text}"`,
      { field: 'port' },
    );
  }
  return { port, protocol };
}

/** Who publishes a port, to whom it leads on this node, and who is left out. */
export function explainPort(asked: AskedPort, of: PortsOfNode): Explanation {
  const isAsked = ({ forward }: WantedPort): boolean =>
    forward.port === asked.port &&
    (asked.protocol === undefined || forward.protocol === asked.protocol);
  const subject = `port ${asked.port}${asked.protocol === undefined ? '' : `/${asked.protocol}`}`;
  const refused = of.refused.filter(({ port }) => isAsked(port));
  const refusedPorts = new Set(refused.map(({ port: { forward } }) => forward));
  const served = of.wanted.filter((port) => isAsked(port) && !refusedPorts.has(port.forward));
  if (served.length + refused.length === 0) return { subject, ...explainNobody(asked, of) };
  const isAnyoneServed = served.some(({ forward }) => forward.backEnds.length > 0);
  const [first] = [...served, ...refused.map(({ port }) => port)];
  const name = serviceName(of.view, first?.serviceId ?? '');
  return {
    subject,
    lines: [
      ...served.flatMap((port) => explainServed(of.view, port)),
      ...refused.flatMap(({ port, message }) => [
        publishedBy(of.view, port),
        `this node does not lead there: ${message}`,
      ]),
    ],
    ...(refused.length > 0 && {
      hint: 'Publish another port, or end what has this one; it is tried again at each look.',
    }),
    ...(refused.length === 0 &&
      !isAnyoneServed && { hint: `\`tutti why service ${name}\` says why no task is ready.` }),
  };
}

function explainNobody(
  { port, protocol }: AskedPort,
  of: PortsOfNode,
): Omit<Explanation, 'subject'> {
  const publishing = [...of.view.services.values()].filter(({ hostPorts = [] }) =>
    hostPorts.some(
      (one) => one.publishedPort === port && (protocol === undefined || one.protocol === protocol),
    ),
  );
  const elsewhere = publishing.map(
    ({ name }) => `service ${name} publishes it in mode host: where its tasks run, and not here`,
  );
  const published = of.wanted.map(({ forward }) => `${forward.port}/${forward.protocol}`);
  return {
    lines:
      elsewhere.length > 0 ? elsewhere : ['no service publishes it: this node leads it nowhere'],
    hint:
      published.length === 0
        ? 'No port is published on this node: `docker service update --publish-add`.'
        : `Published on this node: ${shortList(published)}.`,
  };
}

function serviceName(view: DiscoveryView, serviceId: string): string {
  return view.services.get(serviceId)?.name ?? serviceId;
}

function publishedBy(view: DiscoveryView, { serviceId, publication, forward }: WantedPort): string {
  const what = `${forward.port}/${forward.protocol}`;
  const name = serviceName(view, serviceId);
  return publication === undefined
    ? `service ${name} publishes ${what} on every node`
    : `task ${publication.taskName} of service ${name} publishes ${what} on this node alone (mode host)`;
}

function explainServed(view: DiscoveryView, port: WantedPort): readonly string[] {
  const { forward, publication, serviceId } = port;
  const [first] = forward.backEnds;
  if (publication !== undefined) {
    const at = first && `${first.address}:${first.port}`;
    const why = view.own.get(publication.taskId)?.notReady;
    const refuses = `callers are refused, for it is not ready${why === undefined ? '' : `: ${why}`}`;
    return [publishedBy(view, port), at === undefined ? refuses : `it leads to ${at}`];
  }
  const tasks = [...view.tasks.values()].filter((task) => task.serviceId === serviceId);
  const service = view.services.get(serviceId);
  return [
    publishedBy(view, port),
    ...(first === undefined ? ['callers are refused, for no task is ready'] : []),
    ...explainAffinity(service),
    ...tasks.map((task) => explainTask(view, { task, port })),
  ];
}

function explainAffinity(service: CatalogService | undefined): readonly string[] {
  return service?.affinity === undefined
    ? []
    : ['a caller is led to the same task again (affinity)'];
}

function explainTask(
  view: DiscoveryView,
  { task, port }: { readonly task: CatalogTask; readonly port: WantedPort },
): string {
  const isHere = task.nodeId === view.nodeId;
  const node = view.nodes.get(task.nodeId) ?? view.downNodes?.get(task.nodeId);
  const where = isHere ? 'on this node' : `on node ${node?.address ?? task.nodeId}`;
  const who = `${task.name} ${where}`;
  if (!task.ready) {
    const why = view.own.get(task.taskId)?.notReady;
    return `left out, not ready: ${who}${why === undefined ? '' : `: ${why}`}`;
  }
  const { backEnds } = port.forward;
  const own = task.addresses.map(({ address }) => withoutPrefix(address));
  const direct = backEnds.find(({ address }) => own.includes(address));
  if (direct !== undefined) return `back end: ${who}, at ${direct.address}:${direct.port}`;
  if (!isHere && backEnds.some(({ address }) => address === node?.address)) {
    return `back end: ${who}, by its node, so that it sees this node’s address as its caller’s`;
  }
  if (isHere) return `left out: ${who}, which has no address for callers yet`;
  return `ready: ${who}; tasks of this node come first`;
}
