import type { Prng } from '../../src/lib/prng.ts';
import { requestEngine } from '../../tools/engine/engine-request.ts';
import type { FaultHost } from './fault-host.ts';
import {
  composeDocument,
  configOf,
  type DeclaredStack,
  drawStack,
  secretOf,
  stackName,
} from './stack.ts';

/** Something that a person does while processes are killed. */
export interface Action {
  readonly name: string;
  /** What is declared once it has succeeded. */
  readonly after: DeclaredStack;
  /** Resolves when it was acknowledged; tries again until it is. */
  perform(host: FaultHost): Promise<void>;
}

/** The first action of a run, and again after a removal, is a deploy. */
export function drawAction(dice: Prng, before: DeclaredStack | undefined): Action {
  if (before === undefined) return deploy(dice, undefined);
  const kind = dice.below(10);
  if (kind < 4) return deploy(dice, before);
  if (kind < 6) return scale(before, 1 + dice.below(5));
  if (kind < 8) return updateImage(before, before.webVersion === 1 ? 2 : 1);
  if (kind < 9) return replace(dice, before);
  return killContainers(before, dice);
}

function deploy(dice: Prng, before: DeclaredStack | undefined): Action {
  const after = drawStack(dice, before);
  const isDocker = dice.chance(0.5);
  return {
    name: `${isDocker ? 'docker' : 'tutti'} stack deploy`,
    after,
    perform: (host) => performDeploy(host, { stack: after, isDocker }),
  };
}

async function performDeploy(
  host: FaultHost,
  { stack, isDocker }: { readonly stack: DeclaredStack; readonly isDocker: boolean },
): Promise<void> {
  const revision = stack.keeperRevision;
  await host.writeFile(`secret-${revision}.txt`, secretOf(revision));
  await host.writeFile(`config-${revision}.txt`, configOf(revision));
  const file = await host.writeFile('stack.yml', composeDocument(stack));
  const parameters = ['stack', 'deploy', '--prune', '--compose-file', file, stackName];
  await host.insist(parameters.join(' '), () =>
    isDocker
      ? host.node.tryDocker(...parameters)
      : host.node.tutti(parameters, { signal: AbortSignal.timeout(80_000) }),
  );
}

function scale(before: DeclaredStack, webReplicas: number): Action {
  return {
    name: `docker service scale web=${webReplicas}`,
    after: { ...before, webReplicas },
    perform: (host) =>
      host.insistDocker('service', 'scale', '--detach', `${stackName}_web=${webReplicas}`),
  };
}

function updateImage(before: DeclaredStack, webVersion: 1 | 2): Action {
  const image = `tutti-test/busybox:${webVersion}`;
  const update = ['service', 'update', '--detach', '--no-resolve-image'];
  return {
    name: `docker service update --image ${image}`,
    after: { ...before, webVersion },
    perform: (host) => host.insistDocker(...update, '--image', image, `${stackName}_web`),
  };
}

/** Removes the stack and deploys it again at once. */
function replace(dice: Prng, before: DeclaredStack): Action {
  const after = drawStack(dice, before);
  return {
    name: 'docker stack rm and deploy',
    after,
    perform: async (host) => {
      await host.insistDocker('stack', 'rm', stackName);
      await performDeploy(host, { stack: after, isDocker: dice.chance(0.5) });
    },
  };
}

/** Kills some of the stack's containers, straight in the engine. */
function killContainers(before: DeclaredStack, dice: Prng): Action {
  return {
    name: 'docker kill of containers',
    after: before,
    perform: async (host) => {
      const filters = encodeURIComponent('{"label":["com.docker.stack.namespace=faults"]}');
      const path = `/containers/json?filters=${filters}`;
      // The engine itself may be killed at this moment: then nobody kills containers.
      const listed = await host.ask<readonly { readonly Id: string }[]>(path).catch(() => []);
      const doomed = listed.filter(() => dice.chance(0.5));
      await Promise.allSettled(
        doomed.map(({ Id }) =>
          requestEngine(host.engine.socketPath, { method: 'POST', path: `/containers/${Id}/kill` }),
        ),
      );
    },
  };
}
