import { TuttiError } from '../lib/error.ts';
import { taskStates } from '../model/task-state.ts';
import type { AgentMessage, LogMessage, ManagerMessage } from './messages.ts';

/*
 * What the other side sends is checked as far as a wrong value could do harm before anybody looks
 * at it again: the kind, the fields that steer, and the states that are compared.
 */

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string';
const nonEmptyText: Check = (value) => typeof value === 'string' && value !== '';
const number: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const numberIfThere: Check = (value) => value === undefined || number(value);
const flag: Check = (value) => typeof value === 'boolean';
const object: Check = (value) => isFields(value);
const texts: Check = (value) => Array.isArray(value) && value.every(text);
const state: Check = (value) => (taskStates as readonly unknown[]).includes(value);

const observedTask: Check = (value) =>
  isFields(value) &&
  nonEmptyText(value['taskId']) &&
  state(value['state']) &&
  number(value['since']) &&
  Array.isArray(value['containers']) &&
  Array.isArray(value['hostPorts']);
const observedTasks: Check = (value) => Array.isArray(value) && value.every(observedTask);

const standIn: Check = (value) =>
  isFields(value) &&
  nonEmptyText(value['taskId']) &&
  nonEmptyText(value['originId']) &&
  number(value['createdAt']) &&
  number(value['attempts']) &&
  Array.isArray(value['restarts']) &&
  value['restarts'].every(number);
const standIns: Check = (value) =>
  value === undefined || (Array.isArray(value) && value.every(standIn));

const portProblem: Check = (value) =>
  isFields(value) &&
  text(value['serviceId']) &&
  text(value['protocol']) &&
  number(value['publishedPort']) &&
  text(value['message']);
const portProblems: Check = (value) => Array.isArray(value) && value.every(portProblem);

const change: Check = (value) =>
  isFields(value) &&
  (text(value['put']) ? object(value['value']) : text(value['drop']) && nonEmptyText(value['id']));
const changes: Check = (value) => Array.isArray(value) && value.every(change);

/** Whether a value is what an agent says of its machine. */
export const isDescription: Check = (value) =>
  isFields(value) &&
  text(value['hostname']) &&
  text(value['os']) &&
  text(value['architecture']) &&
  number(value['nanoCpus']) &&
  number(value['memoryBytes']) &&
  text(value['engineVersion']) &&
  object(value['engineLabels']) &&
  Array.isArray(value['plugins']) &&
  texts(value['hostSubnets']) &&
  text(value['address']);

const lifeAccess: Check = (value) =>
  value === undefined || (isFields(value) && number(value['keyId']) && text(value['key']));

type Shapes<Message extends { readonly kind: string }> = {
  readonly [Kind in Message['kind']]: {
    readonly [Field in Exclude<keyof Extract<Message, { kind: Kind }>, 'kind'>]-?: Check;
  };
};

const agentShapes: Shapes<AgentMessage> = {
  hello: {
    nodeId: nonEmptyText,
    clusterId: text,
    sentAt: number,
    description: isDescription,
    tasks: observedTasks,
    standIns,
  },
  observed: { sentAt: number, tasks: observedTasks, gone: texts },
  ports: { problems: portProblems },
  description: { description: isDescription },
  beat: { sentAt: number, life: numberIfThere },
  left: {},
};

const managerShapes: Shapes<ManagerMessage> = {
  assign: { clusterId: nonEmptyText, sequence: number, full: flag, changes },
  beat: { sentAt: number, periodMs: numberIfThere, answers: numberIfThere },
  lease: { periodMs: number, retryMs: number, fencedAfterMs: number, datagrams: lifeAccess },
  logs: { requestId: nonEmptyText, taskId: nonEmptyText, query: object },
  cancel: { requestId: nonEmptyText },
  leave: {},
  renew: { delayMs: number },
};

const logShapes: Shapes<LogMessage> = {
  frame: { frame: object },
  failed: { message: text },
};

/** Throws `invalid-argument`, naming the field, when the value is no message of an agent. */
export function parseAgentMessage(value: unknown): AgentMessage {
  return parse(value, agentShapes) as AgentMessage;
}

/** Throws `invalid-argument`, naming the field, when the value is no message of a manager. */
export function parseManagerMessage(value: unknown): ManagerMessage {
  return parse(value, managerShapes) as ManagerMessage;
}

/** Throws `invalid-argument`, naming the field, when the value is no message of a log stream. */
export function parseLogMessage(value: unknown): LogMessage {
  return parse(value, logShapes) as LogMessage;
}

function parse(
  value: unknown,
  shapes: Readonly<Record<string, Readonly<Record<string, Check>>>>,
): unknown {
  if (!isFields(value)) throw new TuttiError('invalid-argument', 'a message must be an object');
  const kind = value['kind'];
  const shape = typeof kind === 'string' && Object.hasOwn(shapes, kind) ? shapes[kind] : undefined;
  if (shape === undefined) {
    const known = Object.keys(shapes).join(', ');
    throw new TuttiError(
      'invalid-argument',
      `unknown kind of message ${JSON.stringify(kind)}; one of ${known} is expected`,
      { field: 'kind' },
    );
  }
  for (const [field, check] of Object.entries(shape)) {
    if (check(value[field])) continue;
    throw new TuttiError(
      'invalid-argument',
      `the field ${field} of a message of kind ${String(kind)} is missing or malformed`,
      { field },
    );
  }
  return value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
