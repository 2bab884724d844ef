import type { ContainerRuntime } from '../../src/host/container-runtime.ts';
import type { AgentTransport } from '../../src/host/transport.ts';
import { TuttiError } from '../../src/lib/error.ts';
import type { AgentMessage } from '../../src/wire/messages.ts';
import type { Seams, World } from '../world.ts';
import type { Planted } from './planted.ts';

const often = 0.3;
const diceOfBugs = 9;

/** Bugs of a node: the agent's view of the container engine, its memory, its reports. */
export const nodeBugs: readonly Planted[] = [
  {
    name: 'an event of the container engine gets lost, and nobody looks again',
    check: 'not quiet in time',
    seed: 7,
    seams: { runtime: (runtime, world) => loseSomeEvents(runtime, world) },
  },
  {
    name: 'nobody looks again after the container engine was away',
    check: 'not quiet in time',
    seed: 5,
    seams: { runtime: loseResets },
  },
  {
    name: 'a container that is told to stop counts as stopped',
    check: 'ended task still runs',
    seed: 1,
    seams: { runtime: stopTooEarly },
  },
  {
    name: 'the name of a container does not say whose it is',
    check: 'two containers of a task',
    seed: 28,
    seams: {
      runtime: (runtime, world) => {
        const dice = world.dice(diceOfBugs);
        return changed(runtime, {
          createContainer: async (request, signal) => {
            const name = `${request.name}-${dice.uint32()}`;
            return await runtime.createContainer({ ...request, name }, signal);
          },
        });
      },
    },
  },
  {
    name: 'a container is left behind when its task goes',
    check: 'not quiet in time',
    seed: 2,
    seams: {
      runtime: (runtime, world) => {
        const dice = world.dice(diceOfBugs);
        return changed(runtime, {
          removeContainer: async (containerId, signal) => {
            if (!dice.chance(often)) await runtime.removeContainer(containerId, signal);
          },
        });
      },
    },
  },
  {
    name: 'a report is lost while the link holds, and not said again',
    check: 'not quiet in time',
    seed: 2,
    seams: alter((message, world) =>
      message.kind === 'observed' && world.dice(world.clock.now()).chance(often)
        ? { kind: 'beat', sentAt: message.sentAt }
        : message,
    ),
  },
  {
    name: 'an agent forgets, with its restart, which node it is',
    check: 'not quiet in time',
    seed: 3,
    seams: {
      disk: (disk) => ({
        load: async () => undefined,
        save: async (state) => await disk.save(state),
      }),
    },
  },
  {
    name: 'an agent ends with the events of its container engine',
    check: 'process broke',
    seed: 1,
    seams: { runtime: failWithEngine },
  },
  {
    name: 'a container that has ended counts as one that never ran',
    check: 'container started twice',
    seed: 1,
    seams: { runtime: showAsNew },
  },
];

function loseSomeEvents(runtime: ContainerRuntime, world: World): ContainerRuntime {
  const dice = world.dice(diceOfBugs);
  return changed(runtime, {
    events: async function* (signal) {
      for await (const event of runtime.events(signal)) {
        if (event.kind !== 'container' || !dice.chance(often)) yield event;
      }
    },
  });
}

/** All but the first, which comes when the agent starts. */
export function loseResets(runtime: ContainerRuntime): ContainerRuntime {
  return changed(runtime, {
    events: async function* (signal) {
      let resets = 0;
      for await (const event of runtime.events(signal)) {
        if (event.kind === 'reset') resets += 1;
        if (event.kind !== 'reset' || resets === 1) yield event;
      }
    },
  });
}

/** Throws where the real one connects again. */
function failWithEngine(runtime: ContainerRuntime): ContainerRuntime {
  return changed(runtime, {
    events: async function* (signal) {
      let resets = 0;
      for await (const event of runtime.events(signal)) {
        if (event.kind === 'reset') resets += 1;
        if (resets > 1) throw new TuttiError('unavailable', 'the container engine was away');
        yield event;
      }
    },
  });
}

function showAsNew(runtime: ContainerRuntime): ContainerRuntime {
  return changed(runtime, {
    inspectContainer: async (reference, signal) => {
      const seen = await runtime.inspectContainer(reference, signal);
      return seen?.state === 'exited' ? { ...seen, state: 'created' } : seen;
    },
  });
}

function stopTooEarly(runtime: ContainerRuntime): ContainerRuntime {
  const told = new Set<string>();
  return changed(runtime, {
    stopContainer: async (containerId, options) => {
      told.add(containerId);
      runtime.stopContainer(containerId, options).catch(() => undefined);
    },
    inspectContainer: async (reference, signal) => {
      const seen = await runtime.inspectContainer(reference, signal);
      if (seen === undefined || !told.has(seen.id)) return seen;
      return { ...seen, state: 'exited', exitCode: 0 };
    },
  });
}

/** Changes what the agent says to the manager. */
export function alter(change: (message: AgentMessage, world: World) => AgentMessage): Seams {
  return {
    transport: (transport, world): AgentTransport => ({
      openLogs: async (requestId, signal) => await transport.openLogs(requestId, signal),
      openSession: async (signal) => {
        const session = await transport.openSession(signal);
        return {
          incoming: session.incoming,
          close: () => session.close(),
          send: async (message) => await session.send(change(message, world)),
        };
      },
    }),
  };
}

function changed(runtime: ContainerRuntime, change: Partial<ContainerRuntime>): ContainerRuntime {
  return {
    info: async (signal) => await runtime.info(signal),
    findImage: async (reference, signal) => await runtime.findImage(reference, signal),
    pullImage: async (reference, options) => await runtime.pullImage(reference, options),
    createContainer: async (request, signal) => await runtime.createContainer(request, signal),
    startContainer: async (id, signal) => await runtime.startContainer(id, signal),
    leadOut: async (id, name, signal) => await runtime.leadOut(id, name, signal),
    stopContainer: async (id, options) => await runtime.stopContainer(id, options),
    killContainer: async (id, signal) => await runtime.killContainer(id, signal),
    endLostProcesses: async (ids) => await runtime.endLostProcesses(ids),
    resumeHealthCheck: async (id, signal) => await runtime.resumeHealthCheck(id, signal),
    removeContainer: async (id, signal) => await runtime.removeContainer(id, signal),
    inspectContainer: async (id, signal) => await runtime.inspectContainer(id, signal),
    listContainers: async (label, signal) => await runtime.listContainers(label, signal),
    listEndpoints: async (of, signal) => await runtime.listEndpoints(of, signal),
    createNetwork: async (request, signal) => await runtime.createNetwork(request, signal),
    listNetworks: async (label, signal) => await runtime.listNetworks(label, signal),
    removeNetwork: async (name, signal) => await runtime.removeNetwork(name, signal),
    disconnect: async (name, id, signal) => await runtime.disconnect(name, id, signal),
    logs: (id, query, signal) => runtime.logs(id, query, signal),
    events: (signal) => runtime.events(signal),
    ...change,
  };
}
