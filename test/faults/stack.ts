import type { Prng } from '../../src/lib/prng.ts';

export const stackName = 'faults';
export const webPort = 18_080;
export const hostPort = 18_081;

/** What is declared: all that the checks hold the machine against. */
export interface DeclaredStack {
  /** Of the image; `/version` says it. */
  readonly webVersion: 1 | 2;
  readonly webReplicas: number;
  readonly webOrder: 'start-first' | 'stop-first';
  /** Of the service that is on both networks. */
  readonly middleReplicas: number;
  /** Another one is another task: its name, its secret and its configuration change. */
  readonly keeperRevision: number;
  readonly hasExtra: boolean;
}

/** A service as the container engine must show it. */
export interface ExpectedService {
  readonly name: string;
  readonly image: string;
  readonly replicas: number;
  readonly networks: number;
  readonly hasHealthCheck: boolean;
}

export function drawStack(dice: Prng, before?: DeclaredStack): DeclaredStack {
  const isNew = before !== undefined && dice.chance(0.3);
  return {
    webVersion: dice.chance(0.5) ? 1 : 2,
    webReplicas: 1 + dice.below(4),
    webOrder: dice.chance(0.5) ? 'start-first' : 'stop-first',
    middleReplicas: 1 + dice.below(3),
    keeperRevision: (before?.keeperRevision ?? 1) + (isNew ? 1 : 0),
    hasExtra: dice.chance(0.5),
  };
}

export function secretOf(revision: number): string {
  return `secret of revision ${revision}\n`;
}

export function configOf(revision: number): string {
  return `configuration of revision ${revision}\n`;
}

export function expectedServices(stack: DeclaredStack): readonly ExpectedService[] {
  const service = (name: string, more: Partial<ExpectedService> = {}): ExpectedService => ({
    name: `${stackName}_${name}`,
    image: image(1),
    replicas: 1,
    networks: 1,
    hasHealthCheck: false,
    ...more,
  });
  return [
    service('web', {
      image: image(stack.webVersion),
      replicas: stack.webReplicas,
      // Its own network, and that of published ports.
      networks: 2,
      hasHealthCheck: true,
    }),
    service('echo'),
    service('keeper'),
    service('middle', { replicas: stack.middleReplicas, networks: 2 }),
    service('everywhere'),
    ...(stack.hasExtra ? [service('extra')] : []),
  ];
}

function image(version: number): string {
  return `tutti-test/busybox:${version}`;
}

/** The document; its files `secret-<revision>.txt` and `config-<revision>.txt` stand beside it. */
export function composeDocument(stack: DeclaredStack): string {
  const revision = stack.keeperRevision;
  const quick = 'restart_policy: { condition: any, delay: 300ms }';
  // An engine that is killed takes new tasks with it: that is no reason to wait for a person.
  const patient = 'monitor: 500ms, failure_action: continue';
  const extra = `
  extra:
    image: ${image(1)}
    networks: [back]
    deploy: { ${quick} }`;
  return `version: "3.9"
services:
  web:
    image: ${image(stack.webVersion)}
    command: ["web"]
    networks: [front]
    ports: ["${webPort}:80"]
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/version"]
      interval: 2s
      timeout: 10s
      retries: 5
      start_period: 20s
    deploy:
      replicas: ${stack.webReplicas}
      update_config: { parallelism: 2, order: ${stack.webOrder}, ${patient} }
      ${quick}
  echo:
    image: ${image(1)}
    command: ["web"]
    networks: [front]
    ports: [{ target: 80, published: ${hostPort}, protocol: tcp, mode: host }]
    deploy: { update_config: { ${patient} }, ${quick} }
  keeper:
    image: ${image(1)}
    command: ["sh", "-c", "echo ${stack.keeperRevision} >> /kept/starts; exec obey"]
    networks: [back]
    volumes: ["kept:/kept"]
    secrets: [{ source: secret, target: token }]
    configs: [{ source: config, target: /etc/keeper.conf }]
    deploy: { update_config: { ${patient} }, ${quick} }
  middle:
    image: ${image(1)}
    networks: [front, back]
    deploy:
      replicas: ${stack.middleReplicas}
      update_config: { parallelism: 0, ${patient} }
      ${quick}
  everywhere:
    image: ${image(1)}
    networks: [back]
    deploy: { mode: global, endpoint_mode: dnsrr, ${quick} }${stack.hasExtra ? extra : ''}
networks: { front: {}, back: {} }
volumes: { kept: {} }
secrets:
  secret: { file: ./secret-${revision}.txt, name: ${stackName}_secret_${revision} }
configs:
  config: { file: ./config-${revision}.txt, name: ${stackName}_config_${revision} }
`;
}
