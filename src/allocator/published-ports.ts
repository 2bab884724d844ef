import { TuttiError } from '../lib/error.ts';
import type { PublishedPort, Service } from '../model/service.ts';
import { portKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';

/** Ports that are chosen where none is declared, as in Swarm. */
const choosable = { first: 30_000, last: 32_767 };

export interface PortsAllocation {
  readonly ports: readonly PublishedPort[];
  /** Why a port could not be published; it is left out of `ports`. */
  readonly problem?: TuttiError;
}

/**
 * The service's declared ports with every ingress port chosen; those that were chosen before stay.
 * The node of a task chooses its ports of mode `host` that are not declared.
 */
export function allocatePorts(view: View, service: Service): PortsAllocation {
  const ports: PublishedPort[] = [];
  const own = new Set<string>();
  const chosenBefore = [...service.publishedPorts];
  let problem: TuttiError | undefined;
  service.spec.ports.forEach((port, index) => {
    if (port.mode === 'host') {
      ports.push(port);
      return;
    }
    const field = `spec.ports[${index}].publishedPort`;
    const wanted = { port, own, field };
    const got =
      (port.publishedPort ?? 0) === 0
        ? choosePort(view, service, { ...wanted, chosenBefore })
        : claimPort(view, service, wanted);
    if (got instanceof TuttiError) {
      problem ??= got;
      return;
    }
    own.add(portKey(got.protocol, got.publishedPort ?? 0));
    ports.push(got);
  });
  return problem === undefined ? { ports } : { ports, problem };
}

interface Wanted {
  readonly port: PublishedPort;
  /** Keys that this service took already. */
  readonly own: ReadonlySet<string>;
  readonly field: string;
}

function claimPort(view: View, service: Service, wanted: Wanted): PublishedPort | TuttiError {
  const { port, field } = wanted;
  const key = portKey(port.protocol, port.publishedPort ?? 0);
  const other = holderOf(view, service, key);
  if (other === undefined) return port;
  return new TuttiError(
    'conflict',
    `port '${port.publishedPort}/${port.protocol}' is already in use by service ` +
      `'${other.spec.name}' (${other.id})`,
    { field, hint: 'Publish another port, or leave it out to have one chosen.' },
  );
}

function choosePort(
  view: View,
  service: Service,
  wanted: Wanted & { readonly chosenBefore: PublishedPort[] },
): PublishedPort | TuttiError {
  const { port, own, chosenBefore, field } = wanted;
  const isFree = (number: number): boolean => {
    const key = portKey(port.protocol, number);
    return !own.has(key) && holderOf(view, service, key) === undefined;
  };
  /** Another port of this service may still claim what it had. */
  const hadBefore = new Set(service.publishedPorts.map((one) => one.publishedPort));
  const index = chosenBefore.findIndex(
    (one) =>
      one.mode === 'ingress' &&
      one.protocol === port.protocol &&
      one.targetPort === port.targetPort &&
      (one.publishedPort ?? 0) > 0,
  );
  const [before] = index < 0 ? [] : chosenBefore.splice(index, 1);
  if (before?.publishedPort !== undefined && isFree(before.publishedPort)) {
    return { ...port, publishedPort: before.publishedPort };
  }
  for (let number = choosable.first; number <= choosable.last; number += 1) {
    if (!hadBefore.has(number) && isFree(number)) return { ...port, publishedPort: number };
  }
  return new TuttiError(
    'resource-exhausted',
    `no port from ${choosable.first} to ${choosable.last} is left for port ` +
      `${port.targetPort}/${port.protocol} of service ${service.spec.name}`,
    { field, hint: 'Declare a port, or remove services that publish ports.' },
  );
}

/** Another service that publishes the port; one that is being removed has let go of it. */
function holderOf(view: View, service: Service, key: string): Service | undefined {
  for (const index of ['port', 'hostPort'] as const) {
    for (const other of view.services.by(index, key)) {
      if (other.id !== service.id && other.removing !== true) return other;
    }
  }
  return undefined;
}
