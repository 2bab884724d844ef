import type { Reason, ReasonCode } from '../model/reason.ts';

interface HintScope {
  /** Of the service. */
  readonly service: string;
  readonly image: string;
}

type Hint = (scope: HintScope) => string;

/** What a person can do about a reason that says nothing about it by itself. */
const hints: Partial<Record<ReasonCode, Hint>> = {
  'image-missing': imageHint,
  'image-pull-failed': imageHint,
  'exited-with-error': ({ service }) => `What it printed: docker service logs ${service}`,
  exited: ({ service }) =>
    `What it printed: docker service logs ${service}; deploy.restart_policy.condition says ` +
    'whether it is started again after a good end.',
  unhealthy: ({ service }) =>
    'Run the command of its health check in the container by hand; healthcheck.start_period ' +
    `gives it more time. What it printed: docker service logs ${service}`,
  'out-of-memory': () => 'Raise deploy.resources.limits.memory.',
  'create-failed': () => 'The container engine refuses the container as it is declared.',
  'start-failed': () =>
    'Look at command and entrypoint, whose program must be in the image, and at what the ' +
    'container wants of the machine (privileged, cap_add, devices, sysctls).',
  'host-port-in-use': () => 'Free the port on the node, or publish another one.',
  'mount-missing': () => 'Make the directory on the node, or use a volume.',
  'no-node-ready': () => 'Look at the nodes: docker node ls',
  'secret-missing': () => 'Create it: docker secret create NAME FILE',
  'config-missing': () => 'Create it: docker config create NAME FILE',
  'container-engine-unavailable': () => 'Look whether the container engine of the node runs.',
};

function imageHint({ image }: HintScope): string {
  return (
    `Look at name and tag of "${image}": it must be in a registry that the node reaches, or be ` +
    `loaded there (docker pull ${image})`
  );
}

/** The reason with a hint, where there is something to do. */
export function withHint(reason: Reason, scope: HintScope): Reason {
  const hint = reason.hint ?? hints[reason.code]?.(scope);
  return hint === undefined ? reason : { ...reason, hint };
}
