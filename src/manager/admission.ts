import { refusalOfAddress } from '../allocator/static-address.ts';
import type { Network } from '../model/network.ts';
import type { PublishedPort, Service, ServiceDeclaration } from '../model/service.ts';
import { nameKey, portKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { checkUnique, refuse, show } from './admission-check.ts';
import { checkTemplate } from './admission-container.ts';
import { checkEngines } from './admission-engine.ts';
import { checkSpec } from './admission-spec.ts';
import { checkPlaceholders } from './admission-template.ts';

/** One declaration's JSON; more would make every reply that holds it slow. */
const declarationLimitBytes = 1024 * 1024;

export interface AdmissionContext {
  /** What the declaration would join. */
  readonly view: View;
  /** The service that it replaces. */
  readonly existing?: Service;
  /** Services that are declared together with it, by `nameKey`. */
  readonly siblings?: ReadonlySet<string>;
}

/**
 * Says whether a declaration may enter the store, whatever dialect it came from: the one place
 * where that is decided. Throws a TuttiError that names the field, its value, and what to do.
 */
export function admitService(declaration: ServiceDeclaration, context: AdmissionContext): void {
  checkSize(declaration);
  checkSpec('spec', declaration.spec);
  checkTemplate('template', declaration.template);
  checkIdentity(declaration, context);
  checkEngines(declaration, context.view);
  checkNetworks(declaration, context.view);
  checkSoleTask(declaration);
  checkReferences(declaration, context.view);
  checkPlaceholders(declaration, context.view);
  checkPortConflicts(declaration, context);
  checkDependencies(declaration, context);
}

/** Services on their way out are not found: their names and ports are free already. */
export function findService(view: View, name: string): Service | undefined {
  for (const service of view.services.by('name', nameKey(name))) {
    if (service.removing !== true) return service;
  }
  return undefined;
}

function checkSize(declaration: ServiceDeclaration): void {
  const { length } = new TextEncoder().encode(JSON.stringify(declaration));
  if (length <= declarationLimitBytes) return;
  refuse(
    'spec',
    `the declaration has ${length} bytes, at most ${declarationLimitBytes} are allowed; ` +
      'put large content into configs',
  );
}

function checkIdentity(declaration: ServiceDeclaration, context: AdmissionContext): void {
  const { spec } = declaration;
  const { existing, view } = context;
  const other = findService(view, spec.name);
  if (other !== undefined && other.id !== existing?.id) {
    refuse('spec.name', `service ${spec.name} already exists`, {
      code: 'already-exists',
      hint: 'Take another name, or update the service that has it.',
    });
  }
  if (existing === undefined) return;
  if (existing.spec.name !== spec.name) {
    refuse('spec.name', 'renaming services is not supported', {
      code: 'unimplemented',
      hint: `The service is called ${existing.spec.name}; create ${spec.name} beside it.`,
    });
  }
  if (existing.spec.mode.kind !== spec.mode.kind) {
    refuse('spec.mode', 'service mode change is not allowed', {
      code: 'unimplemented',
      hint: `It is ${existing.spec.mode.kind}; remove it and create it as ${spec.mode.kind}.`,
    });
  }
}

function checkNetworks(declaration: ServiceDeclaration, view: View): void {
  const { spec, template } = declaration;
  const attached = template.networks.map((attachment, index) => {
    const field = `template.networks[${index}]`;
    const network = view.networks.get(attachment.networkId);
    if (network === undefined || network.removing === true) {
      refuse(`${field}.networkId`, `network ${attachment.networkId} not found`, {
        hint: 'Create the network before the service.',
      });
    }
    checkAttachment(field, network, attachment.aliases);
    checkStaticAddress(field, network, attachment.ipv4Address);
    const [option] = Object.keys(attachment.driverOptions);
    if (option !== undefined) {
      refuse(
        `${field}.driverOptions`,
        `the option ${show(option)} of an attachment means nothing`,
        {
          code: 'unimplemented',
          hint: 'Leave it out; options of the network itself are given when it is created.',
        },
      );
    }
    return network;
  });
  checkUnique(
    'template.networks',
    attached.map((network) => network.spec.name),
    'network',
  );
  checkHostNetwork(declaration, attached);
  if (!spec.ports.some((port) => port.mode === 'ingress')) return;
  const [ingress] = [...view.networks.by('ingress', 'yes')].filter((one) => one.removing !== true);
  if (ingress !== undefined) return;
  refuse('spec.ports', 'service needs ingress network, but no ingress network is present', {
    code: 'failed-precondition',
    hint: 'Create one with docker network create --ingress, or publish the ports with mode=host.',
  });
}

function checkAttachment(field: string, network: Network, aliases: readonly string[]): void {
  const { name } = network.spec;
  if (network.spec.ingress) {
    refuse(
      `${field}.networkId`,
      `Service cannot be explicitly attached to the ingress network ${show(name)}; ` +
        'publish ports instead',
    );
  }
  if (network.predefined === true && aliases.length > 0) {
    refuse(
      `${field}.aliases`,
      `the network ${name} of the node has no names of services; leave out the alias ` +
        show(aliases[0]),
    );
  }
  for (const alias of aliases) {
    if (/^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$/.test(alias)) continue;
    refuse(`${field}.aliases`, `the alias ${show(alias)} is no DNS name; take letters and digits`);
  }
}

/** Who has the address by now is looked at when the service is written. */
function checkStaticAddress(field: string, network: Network, address: string | undefined): void {
  if (address === undefined) return;
  const refusal = refusalOfAddress(network, address);
  if (refusal === undefined) return;
  refuse(`${field}.ipv4Address`, `${refusal}; take another address of its subnet`);
}

/** Two tasks cannot have one address, not even while one takes the place of the other. */
function checkSoleTask({ spec, template }: ServiceDeclaration): void {
  const named = template.networks.find((one) => one.ipv4Address !== undefined);
  if (named === undefined) return;
  const { ipv4Address: address } = named;
  const { mode } = spec;
  if (mode.kind !== 'replicated') {
    refuse(
      'spec.mode',
      `the static address ${address} is one task's, and a ${mode.kind} has more`,
      {
        hint: 'Leave the address out, or run the service as replicated, with one replica.',
      },
    );
  }
  if (mode.replicas > 1) {
    refuse(
      'spec.mode.replicas',
      `the static address ${address} is one task's; ${mode.replicas} replicas cannot share it`,
      { hint: 'Leave the address out, or run one replica.' },
    );
  }
  for (const settings of ['update', 'rollback'] as const) {
    if (spec[settings]?.order !== 'start-first') continue;
    refuse(
      `spec.${settings}.order`,
      `the next task cannot start first: the task before has its static address ${address}`,
      { hint: 'Use the order stop-first, or leave the address out.' },
    );
  }
}

/** A task in the node's own network namespace can be in no other. */
function checkHostNetwork(declaration: ServiceDeclaration, attached: readonly Network[]): void {
  const host = attached.find((one) => one.predefined === true && one.spec.driver === 'host');
  if (host === undefined) return;
  if (attached.length > 1) {
    const others = attached.filter((one) => one !== host).map((one) => one.spec.name);
    refuse(
      'template.networks',
      `a task on the host network cannot be on ${others.join(', ')} too; leave one of them`,
    );
  }
  const port = declaration.spec.ports[0];
  if (port === undefined) return;
  refuse(
    'spec.ports',
    `port ${port.publishedPort ?? port.targetPort} cannot be published from the host network, ` +
      'where every port of the task is one of the node already; leave it out',
  );
}

function checkReferences(declaration: ServiceDeclaration, view: View): void {
  declaration.template.containers.forEach((container, index) => {
    for (const kind of ['secrets', 'configs'] as const) {
      container[kind].forEach((file, position) => {
        const what = kind === 'secrets' ? 'secret' : 'config';
        const field = `template.containers[${index}].${kind}[${position}]`;
        const row =
          kind === 'secrets' ? view.secrets.get(file.sourceId) : view.configs.get(file.sourceId);
        if (row === undefined) {
          refuse(field, `${what} not found: ${file.sourceName}`, {
            hint: `Create the ${what} before the service.`,
          });
        }
        if (row.spec.name === file.sourceName) return;
        refuse(
          field,
          `the ${what} with id ${file.sourceId} is called ${show(row.spec.name)}, ` +
            `not ${show(file.sourceName)}; look it up again`,
        );
      });
    }
  });
}

/**
 * An ingress port belongs to one service on all nodes. Ports of mode `host` may be shared: the
 * scheduler keeps their tasks apart.
 */
function checkPortConflicts(declaration: ServiceDeclaration, context: AdmissionContext): void {
  declaration.spec.ports.forEach((port, index) => {
    const { publishedPort = 0 } = port;
    if (publishedPort === 0) return;
    const key = portKey(port.protocol, publishedPort);
    refuseConflict(context, { port, index, others: context.view.services.by('port', key) });
    if (port.mode === 'ingress') {
      refuseConflict(context, { port, index, others: context.view.services.by('hostPort', key) });
    }
  });
}

function refuseConflict(
  context: AdmissionContext,
  conflict: {
    readonly port: PublishedPort;
    readonly index: number;
    readonly others: Iterable<Service>;
  },
): void {
  const { port, index, others } = conflict;
  for (const other of others) {
    if (other.id === context.existing?.id || other.removing === true) continue;
    const held = [...other.publishedPorts, ...other.spec.ports].find(
      (one) => one.protocol === port.protocol && one.publishedPort === port.publishedPort,
    );
    const as = held?.mode === 'host' ? 'a host-published port' : 'an ingress port';
    refuse(
      `spec.ports[${index}].publishedPort`,
      `port '${port.publishedPort}' is already in use by service '${other.spec.name}' ` +
        `(${other.id}) as ${as}`,
      { hint: 'Publish another port, or let the cluster choose one by leaving it out.' },
    );
  }
}

function checkDependencies(declaration: ServiceDeclaration, context: AdmissionContext): void {
  const { spec } = declaration;
  const { existing } = context;
  // What was there when it was declared first may be gone by now: that is no fault of this change.
  const before = [existing?.spec, existing?.previous?.spec].flatMap((one) => one?.dependsOn ?? []);
  spec.dependsOn.forEach((dependency, index) => {
    const field = `spec.dependsOn[${index}].service`;
    const key = nameKey(dependency.service);
    const isKnown =
      context.siblings?.has(key) === true || before.some((one) => nameKey(one.service) === key);
    const found = findService(context.view, dependency.service);
    if (dependency.required && !isKnown && found === undefined) {
      refuse(
        field,
        `${spec.name} depends on the service ${show(dependency.service)}, which is unknown`,
        {
          hint: 'Declare it, or mark the dependency as not required.',
        },
      );
    }
    const circle =
      found === undefined ? undefined : pathTo(context.view, found, nameKey(spec.name));
    if (circle === undefined) return;
    refuse(
      field,
      `${[spec.name, ...circle].join(' → ')} depend on each other in a circle; take one ` +
        'dependency out',
    );
  });
}

/**
 * The names on the way from a service to the one with the given key along dependencies, if there is
 * one.
 */
function pathTo(view: View, from: Service, goal: string): readonly string[] | undefined {
  const visited = new Set<string>();
  const stack: { readonly service: Service; readonly path: readonly string[] }[] = [
    { service: from, path: [from.spec.name] },
  ];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    for (const dependency of next.service.spec.dependsOn) {
      const key = nameKey(dependency.service);
      if (key === goal) return [...next.path, dependency.service];
      const service = visited.has(key) ? undefined : findService(view, key);
      visited.add(key);
      if (service !== undefined) stack.push({ service, path: [...next.path, service.spec.name] });
    }
  }
  return undefined;
}
