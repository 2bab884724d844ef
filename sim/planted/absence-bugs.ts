import type { AgentMessage } from '../../src/wire/messages.ts';
import type { Seams } from '../world.ts';
import { alter } from './node-bugs.ts';

type Hello = Extract<AgentMessage, { kind: 'hello' }>;

/** Bugs of nodes that were without a manager, each with a seed of `runAbsence` that finds it. */
export const absenceBugs: readonly {
  readonly name: string;
  /** What the simulation says, among other things perhaps. */
  readonly finds: RegExp;
  readonly seed: number;
  readonly seams: Seams;
}[] = [
  {
    name: 'an agent does not say what it made',
    finds: /tries\.\d ran/,
    seed: 1,
    seams: changeHello((hello) => ({ ...hello, standIns: [] })),
  },
  {
    name: 'restarts without a manager are not counted',
    finds: /tries\.\d ran/,
    seed: 1,
    seams: changeHello((hello) => ({
      ...hello,
      standIns: (hello.standIns ?? []).map((one) => ({ ...one, attempts: 0, restarts: [] })),
    })),
  },
  {
    name: 'ends that were seen without a manager are lost',
    finds: /not quiet/,
    seed: 3,
    seams: changeHello((hello) => ({
      ...hello,
      tasks: hello.tasks.filter((task) => task.state === 'running'),
    })),
  },
];

function changeHello(change: (hello: Hello) => Hello): Seams {
  return alter((message) => (message.kind === 'hello' ? change(message) : message));
}
