import type { PublishedPort } from '../model/service.ts';
import type { Field } from './field.ts';

const shortForm =
  /^(?:(?<host>\[[0-9a-fA-F:]+\]|\d+(?:\.\d+){3}):)?(?:(?<published>\d*(?:-\d+)?):)?(?<target>\d+(?:-\d+)?)(?:\/(?<protocol>\w+))?$/;
const protocols = ['tcp', 'udp', 'sctp'] as const;
type Protocol = (typeof protocols)[number];

/**
 * Reads `ports`: `8080:80`, `127.0.0.1:53:53/udp`, ranges, and the long form (compose-spec
 * "ports").
 */
export function readPorts(field: Field): readonly PublishedPort[] {
  if (field.absent) return [];
  return field.items().flatMap((item) => (item.isMapping ? longPort(item) : shortPort(item)));
}

function shortPort(field: Field): readonly PublishedPort[] {
  const text = field.string();
  if (text === undefined) return [];
  const groups = shortForm.exec(text.trim())?.groups;
  const protocol = protocols.find((one) => one === (groups?.['protocol'] ?? 'tcp').toLowerCase());
  if (groups === undefined || protocol === undefined) {
    field.fail(`expected a port such as 8080:80 or 8080:80/udp, found "${text}"`);
    return [];
  }
  warnAboutHost(field, groups['host']);
  const targets = range(field, groups['target'] ?? '');
  const published = range(field, groups['published'] ?? '');
  if (published.length > 0 && published.length !== targets.length) {
    field.fail(`the ranges in "${text}" have different lengths`);
    return [];
  }
  return targets.map((targetPort, index) =>
    port(protocol, { targetPort, published: published[index] }),
  );
}

function port(
  protocol: Protocol,
  ports: { readonly targetPort: number; readonly published: number | undefined },
): PublishedPort {
  return {
    protocol,
    targetPort: ports.targetPort,
    mode: 'ingress',
    ...(ports.published !== undefined && { publishedPort: ports.published }),
  };
}

function warnAboutHost(field: Field, host: string | undefined): void {
  if (host === undefined || host === '0.0.0.0' || host === '[::]') return;
  field.findings.warn(field.path, `the port is published on every address, not only on ${host}`);
}

function range(field: Field, text: string): readonly number[] {
  if (text === '') return [];
  const [first = 0, last = first] = text.split('-').map(Number);
  if (first < 1 || last > 65_535 || last < first) {
    field.fail(`ports go from 1 to 65535, found "${text}"`);
    return [];
  }
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function longPort(field: Field): readonly PublishedPort[] {
  const name = field.at('name').string();
  const target = field.at('target');
  if (target.absent) target.fail('a port needs "target", the port in the container');
  const targetPort = target.integer({ min: 1, max: 65_535 });
  const publishedField = field.at('published');
  const published = publishedField.absent
    ? undefined
    : publishedField.integer({ min: 0, max: 65_535 });
  const protocol = field.at('protocol').oneOf(protocols) ?? 'tcp';
  const mode = field.at('mode').oneOf(['ingress', 'host'] as const) ?? 'ingress';
  warnAboutHost(field.at('host_ip'), field.at('host_ip').string());
  field.at('app_protocol');
  field.refuseUnknown();
  if (targetPort === undefined) return [];
  return [
    {
      ...(name !== undefined && { name }),
      protocol,
      targetPort,
      mode,
      ...(published !== undefined && published > 0 && { publishedPort: published }),
    },
  ];
}
