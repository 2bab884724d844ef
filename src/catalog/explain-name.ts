import type { DiscoveryView } from '../host/node-network.ts';
import { shortList } from '../lib/short-list.ts';
import type { CatalogService, CatalogTask } from '../model/assignment.ts';
import type { Explanation } from '../model/report.ts';
import { addressesOf, type FoundName, ipv6AddressesOf, type NameMeaning, Names } from './names.ts';
import { declaredPorts, parsePortName, targetPortOf } from './service-ports.ts';

interface Question {
  readonly view: DiscoveryView;
  readonly names: Names;
  readonly name: string;
  readonly asker: CatalogTask | undefined;
  /** The networks whose names the asker sees; all, where nobody in particular asks. */
  readonly visible: readonly string[];
}

/**
 * The rows behind the answer to a name, as a task would get it; without a task, on every network.
 */
export function explainName(
  view: DiscoveryView,
  asked: { readonly name: string; readonly fromTaskId: string | undefined },
): Explanation {
  const { name, fromTaskId } = asked;
  const asker = fromTaskId === undefined ? undefined : findTask(view, fromTaskId);
  if (fromTaskId !== undefined && asker === undefined) {
    return {
      subject: name,
      lines: [`no task "${fromTaskId}" is known to this node`],
      hint: '`docker service ps SERVICE` lists the tasks.',
    };
  }
  const visible = asker?.addresses.map((one) => one.networkId) ?? [...view.networks.keys()];
  const question = { view, names: new Names(view), name, asker, visible };
  const subject = asker === undefined ? name : `${name}, asked by ${asker.name}`;
  const told = explainFound(question) ?? explainPort(question) ?? explainElsewhere(question);
  return { subject, ...told };
}

type Told = Omit<Explanation, 'subject'>;

function explainFound({ view, names, name, asker, visible }: Question): Told | undefined {
  const first = names.find(name, visible);
  if (first === undefined) return undefined;
  const found =
    asker === undefined
      ? visible.flatMap((networkId) => names.find(name, [networkId]) ?? [])
      : [first];
  const told = found.map((one) => explainOn(view, one));
  const hint = told.find((one) => one.hint !== undefined)?.hint;
  return { lines: told.flatMap((one) => one.lines), ...(hint !== undefined && { hint }) };
}

/** Undefined for what is no name of a port. */
function explainPort(question: Question): Told | undefined {
  const portName = parsePortName(question.name.toLowerCase().replace(/\.$/, ''));
  if (portName === undefined) return undefined;
  const { protocol, owner } = portName;
  const ofOwner = { ...question, name: owner };
  const meanings = question.visible.flatMap(
    (networkId) => question.names.find(owner, [networkId])?.meanings ?? [],
  );
  const services = new Map(meanings.map(({ service }) => [service.serviceId, service]));
  const ports = [...services.values()].map((service) => {
    const port = targetPortOf(service, portName);
    if (port !== undefined) return `service ${service.name} takes it on port ${port}/${protocol}`;
    const declared = declaredPorts(service).map(
      (one) => `${one.name ?? one.targetPort}/${one.protocol}`,
    );
    const all = declared.length === 0 ? 'no port' : `only ${declared.join(', ')}`;
    return `service ${service.name} declares ${all}: the answer is "no such name"`;
  });
  const told = explainFound(ofOwner) ?? explainElsewhere(ofOwner);
  return { ...told, lines: [...ports, ...told.lines] };
}

function explainElsewhere(question: Question): Told {
  const { view, names, name, asker, visible } = question;
  const elsewhere = names.networksWith(name).map((id) => networkName(view, id));
  if (elsewhere.length > 0) {
    const own = visible.map((id) => networkName(view, id)).join(', ');
    return {
      lines: [
        `the name exists on ${elsewhere.join(', ')}, which the asking task is not on`,
        own === '' ? 'the asking task is on no network of the cluster' : `it is on ${own}`,
      ],
      hint: 'Put both services on one network.',
    };
  }
  const nowhere = 'no service, alias or task of any network of this node has this name';
  if (name.replace(/\.$/, '').includes('.')) {
    return { lines: [nowhere, whoIsAsked(view, { asker, visible })] };
  }
  const known = names.serviceNames(visible);
  return {
    lines: [nowhere, 'a name without a dot is asked of nobody else: the answer is "no such name"'],
    hint:
      known.length === 0
        ? 'There is no service on these networks.'
        : `Names of services here: ${shortList(known)}.`,
  };
}

function whoIsAsked(
  view: DiscoveryView,
  of: { readonly asker: CatalogTask | undefined; readonly visible: readonly string[] },
): string {
  const { asker, visible } = of;
  if (asker !== undefined && visible.every((id) => view.networks.get(id)?.internal === true)) {
    return 'all networks of the asking task are internal: nobody else is asked';
  }
  const own = asker === undefined ? undefined : view.own.get(asker.taskId)?.nameservers;
  if (own === undefined) return 'names with a dot are asked of the resolvers of this machine';
  return own.length === 0
    ? 'names with a dot are left to the nameserver on the loopback of the task'
    : `names with a dot are asked of the nameservers of the task: ${own.join(', ')}`;
}

function findTask(view: DiscoveryView, reference: string): CatalogTask | undefined {
  const all = [...view.tasks.values()];
  return (
    all.find((task) => task.taskId === reference || task.name === reference) ??
    all.find((task) => task.name.startsWith(`${reference}.`)) ??
    all.find((task) => task.taskId.startsWith(reference))
  );
}

function explainOn(view: DiscoveryView, found: FoundName): Told {
  const told = found.meanings.map((meaning) => explainMeaning(view, { ...found, meaning }));
  const hint = told.find((one) => one.hint !== undefined)?.hint;
  return { lines: told.flatMap((one) => one.lines), ...(hint !== undefined && { hint }) };
}

function explainMeaning(
  view: DiscoveryView,
  of: { readonly networkId: string; readonly meaning: NameMeaning },
): Told {
  const { networkId, meaning } = of;
  const { service } = meaning;
  const tasks =
    meaning.kind === 'tasks'
      ? meaning.tasks
      : [...view.tasks.values()].filter((task) => task.serviceId === service.serviceId);
  const ready = tasks.filter((task) => task.ready);
  const rows = tasks.map((task) => explainTask(view, { task, networkId }));
  const lines = [
    `on network ${networkName(view, networkId)} it is ${kindOf(service)} ${service.name}`,
    explainAnswer(of, ready.length),
    ...explainIpv6(view, of),
    ...rows,
  ];
  if (ready.length > 0) return { lines };
  if (tasks.length > 0) {
    return { lines, hint: `\`tutti why task ${tasks[0]?.taskId}\` says more.` };
  }
  return {
    lines: [...lines, 'the service has no task that is to run'],
    hint: `\`tutti why service ${service.name}\` says why.`,
  };
}

function kindOf({ isContainer }: CatalogService): string {
  return isContainer === true ? 'container' : 'service';
}

function explainAnswer(
  of: { readonly networkId: string; readonly meaning: NameMeaning },
  ready: number,
): string {
  const { networkId, meaning } = of;
  if (meaning.kind === 'virtual-address') {
    const to =
      ready === 0
        ? 'which refuses connections, for no task is ready'
        : `which leads to ${counted(ready, 'task')}`;
    return `it answers with the virtual address ${meaning.address}, ${to}`;
  }
  const addresses = addressesOf({ networkId, meanings: [meaning] });
  return addresses.length === 0
    ? 'it answers with no address, for no task is ready'
    : `it answers with ${counted(addresses.length, 'address')}: ${addresses.join(', ')}`;
}

/** Nothing where the network has none, or nobody is ready. */
function explainIpv6(
  view: DiscoveryView,
  { networkId, meaning }: { readonly networkId: string; readonly meaning: NameMeaning },
): readonly string[] {
  const found = { networkId, meanings: [meaning] };
  const addresses = ipv6AddressesOf(found, view.networks.get(networkId));
  return addresses.length === 0 ? [] : [`and by IPv6 with ${addresses.join(', ')}`];
}

function explainTask(
  view: DiscoveryView,
  of: { readonly task: CatalogTask; readonly networkId: string },
): string {
  const { task, networkId } = of;
  const address = task.addresses.find((one) => one.networkId === networkId)?.address;
  const where = `${task.name} at ${address?.split('/')[0] ?? 'no address'}`;
  if (task.ready) return `back end: ${where}`;
  const why = view.own.get(task.taskId)?.notReady;
  return `left out, not ready: ${where}${why === undefined ? '' : `: ${why}`}`;
}

function networkName(view: DiscoveryView, networkId: string): string {
  return view.networks.get(networkId)?.name ?? networkId;
}

function counted(count: number, what: string): string {
  if (count === 1) return `1 ${what}`;
  return `${count} ${what}${what.endsWith('s') ? 'es' : 's'}`;
}
