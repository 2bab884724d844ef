import type { Clock } from '../../src/host/clock.ts';
import type { AgentTransport, MessageStream } from '../../src/host/transport.ts';
import type { TaskAssignment } from '../../src/model/assignment.ts';
import type { LogFrame } from '../../src/model/log.ts';
import type { NodeDescription } from '../../src/model/node.ts';
import type { ObservedTask } from '../../src/model/task.ts';
import { compareTaskStates, type TaskState } from '../../src/model/task-state.ts';
import type { AgentMessage, ManagerMessage } from '../../src/wire/messages.ts';

const nodeDescription: NodeDescription = {
  hostname: 'vm',
  os: 'linux',
  architecture: 'x86_64',
  nanoCpus: 2_000_000_000,
  memoryBytes: 25_276_514_304,
  engineVersion: '20.10.24+dfsg1',
  engineLabels: {},
  plugins: [
    { type: 'Volume', name: 'local' },
    { type: 'Network', name: 'overlay' },
    { type: 'Network', name: 'bridge' },
    { type: 'Log', name: 'json-file' },
  ],
  hostSubnets: ['192.168.1.0/24'],
  address: '127.0.0.1',
};

/**
 * How a container of the scripted agent goes; what it returns is reported, `undefined`: nothing.
 */
export type Script = (task: TaskAssignment) => Partial<ObservedTask> | undefined;

/** Does what it is told at once: what is to run runs, what is to stop has stopped. */
const obedient: Script = (task) => {
  switch (task.desired) {
    case 'ready':
      return { state: 'ready', reason: waiting };
    case 'running':
      return { state: 'running' };
    case 'complete':
      return { state: 'complete', exitCode: 0, reason: { ...waiting, code: 'exited' } };
    case 'shutdown':
    case 'removed':
      return { state: 'shutdown', exitCode: 143, reason: { ...waiting, code: 'stopped' } };
  }
};

const waiting = { code: 'waiting-to-restart', message: 'told to wait', since: 0 } as const;

/** An agent without containers, for tests of what stands before it. */
export class ScriptedAgent {
  readonly nodeId: string;
  readonly tasks = new Map<string, TaskAssignment>();
  script: Script = obedient;
  /** What each task has written. */
  readonly output = new Map<string, readonly LogFrame[]>();
  readonly #clock: Clock;
  readonly #transport: AgentTransport;
  readonly #states = new Map<string, TaskState>();
  readonly #stop = new AbortController();
  #session: MessageStream<AgentMessage, ManagerMessage> | undefined;

  constructor(options: {
    readonly nodeId: string;
    readonly clock: Clock;
    readonly transport: AgentTransport;
  }) {
    this.nodeId = options.nodeId;
    this.#clock = options.clock;
    this.#transport = options.transport;
  }

  /** Opens a session; resolves when it is over. */
  async run(): Promise<void> {
    const session = await this.#transport.openSession(this.#stop.signal);
    this.#session = session;
    await session.send({
      kind: 'hello',
      nodeId: this.nodeId,
      clusterId: '',
      sentAt: this.#clock.now(),
      description: nodeDescription,
      tasks: [],
    });
    for await (const message of session.incoming) {
      if (message.kind === 'assign') await this.#assign(message);
      if (message.kind === 'logs') await this.#upload(message);
      if (message.kind !== 'leave') continue;
      await session.send({ kind: 'left' });
      break;
    }
    session.close();
  }

  stop(): void {
    this.#stop.abort();
    this.#session?.close();
  }

  /** Says of one task what the script does not. */
  async report(taskId: string, observed: Partial<ObservedTask>): Promise<void> {
    this.#states.set(taskId, observed.state ?? 'running');
    await this.#session?.send({
      kind: 'observed',
      sentAt: this.#clock.now(),
      tasks: [this.#observe(taskId, observed)],
      gone: [],
    });
  }

  async #assign(message: Extract<ManagerMessage, { kind: 'assign' }>): Promise<void> {
    const gone: string[] = [];
    for (const change of message.changes) {
      if ('put' in change && change.put === 'task') {
        this.tasks.set(change.value.taskId, change.value);
      } else if ('drop' in change && change.drop === 'task') {
        this.tasks.delete(change.id);
        gone.push(change.id);
      }
    }
    const tasks = [...this.tasks.values()].flatMap((task) => {
      const observed = task.ended ? undefined : this.script(task);
      const last = this.#states.get(task.taskId) ?? 'assigned';
      const state = observed?.state ?? 'running';
      if (observed === undefined || compareTaskStates(state, last) <= 0) return [];
      this.#states.set(task.taskId, state);
      return [this.#observe(task.taskId, observed)];
    });
    if (tasks.length === 0 && gone.length === 0) return;
    await this.#session?.send({ kind: 'observed', sentAt: this.#clock.now(), tasks, gone });
  }

  #observe(taskId: string, observed: Partial<ObservedTask>): ObservedTask {
    const now = this.#clock.now();
    const { reason } = observed;
    return {
      taskId,
      state: 'running',
      hostPorts: [],
      containers: [{ name: 'main', containerId: `${taskId}c`, pid: 4242, health: 'none' }],
      ...observed,
      since: now,
      ...(reason === undefined ? {} : { reason: { ...reason, since: now } }),
    };
  }

  async #upload(message: Extract<ManagerMessage, { kind: 'logs' }>): Promise<void> {
    const stream = await this.#transport.openLogs(message.requestId, this.#stop.signal);
    const frames = this.output.get(message.taskId) ?? [];
    const shown = message.query.tail === undefined ? frames : frames.slice(-message.query.tail);
    for (const frame of shown) await stream.send({ kind: 'frame', frame });
    stream.close();
  }
}
