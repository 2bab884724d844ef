import type { Labels } from './labels.ts';
import type { ObservedPort } from './task.ts';

/**
 * On a task's container: the ports of the node that lead to it, as `8080:80/tcp 5353:53/udp`. Those
 * that were chosen are known by it to whoever finds the container.
 */
export const hostPortsLabel = 'dev.tutti.ports';

const port = /^(\d{1,5}):(\d{1,5})\/(tcp|udp|sctp)$/;

export function formatHostPorts(ports: readonly ObservedPort[]): string {
  return ports.map((one) => `${one.publishedPort}:${one.targetPort}/${one.protocol}`).join(' ');
}

/** The ports that the labels of a container name. What is none is left out. */
export function hostPortsOf(labels: Labels): readonly ObservedPort[] {
  return (labels[hostPortsLabel] ?? '').split(' ').flatMap((text) => {
    const [, published, target, protocol] = port.exec(text) ?? [];
    if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') return [];
    return [{ protocol, targetPort: Number(target), publishedPort: Number(published) }];
  });
}
