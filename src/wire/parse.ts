import { errorCodes, TuttiError } from '../lib/error.ts';
import { parseAddress } from '../lib/ipv4.ts';
import type { NodeViewChange } from '../model/assignment.ts';
import { isPublicKey } from '../model/encryption.ts';
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
const port: Check = (value) =>
  Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536;
const numberIfThere: Check = (value) => value === undefined || number(value);
const textIfThere: Check = (value) => value === undefined || text(value);
const isAddress: Check = (value) => typeof value === 'string' && parseAddress(value) !== undefined;
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

const attachedContainer: Check = (value) =>
  isFields(value) &&
  nonEmptyText(value['networkId']) &&
  isAddress(value['address']) &&
  nonEmptyText(value['containerId']) &&
  text(value['name']) &&
  texts(value['aliases']) &&
  flag(value['running']);
const attachedContainers: Check = (value) => Array.isArray(value) && value.every(attachedContainer);
const attachmentReport: Check = (value) =>
  isFields(value) &&
  number(value['number']) &&
  texts(value['coming']) &&
  attachedContainers(value['containers']);
const place: Check = (value) =>
  value === undefined ||
  (isFields(value) && nonEmptyText(value['networkId']) && nonEmptyText(value['address']));
const refusal: Check = (value) =>
  value === undefined ||
  (isFields(value) &&
    (errorCodes as readonly unknown[]).includes(value['code']) &&
    text(value['message']) &&
    textIfThere(value['hint']));

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

/** Other nodes are told of it, and give it to their kernels as it is. */
const encryption: Check = (value) =>
  value === undefined ||
  (isFields(value) && value['kind'] === 'unable' && text(value['message'])) ||
  (isFields(value) &&
    value['kind'] === 'able' &&
    isPublicKey(value['publicKey']) &&
    (value['nextPublicKey'] === undefined || isPublicKey(value['nextPublicKey'])) &&
    port(value['port']));

/** Whether a value is what an agent says of its machine. */
export const isDescription: Check = (value) =>
  isFields(value) &&
  text(value['hostname']) &&
  text(value['os']) &&
  text(value['architecture']) &&
  number(value['nanoCpus']) &&
  number(value['memoryBytes']) &&
  text(value['engineVersion']) &&
  (value['programVersion'] === undefined || text(value['programVersion'])) &&
  (value['managerObstacle'] === undefined || text(value['managerObstacle'])) &&
  object(value['engineLabels']) &&
  Array.isArray(value['plugins']) &&
  texts(value['hostSubnets']) &&
  text(value['address']) &&
  encryption(value['encryption']) &&
  (value['linkMtu'] === undefined || Number.isInteger(value['linkMtu']));

const lifeAccess: Check = (value) =>
  value === undefined ||
  (isFields(value) &&
    number(value['keyId']) &&
    text(value['key']) &&
    (value['address'] === undefined || text(value['address'])));

const knownManager: Check = (value) =>
  isFields(value) && nonEmptyText(value['nodeId']) && nonEmptyText(value['address']);
const knownManagers: Check = (value) => Array.isArray(value) && value.every(knownManager);

const examinedPeer: Check = (value) =>
  isFields(value) &&
  nonEmptyText(value['nodeId']) &&
  // It becomes part of orders to the kernel.
  isAddress(value['address']) &&
  number(value['place']);
const examinedPort: Check = (value) =>
  isFields(value) && number(value['port']) && text(value['service']);
const examinationOrder: Check = (value) =>
  isFields(value) &&
  (value['self'] === undefined || examinedPeer(value['self'])) &&
  Array.isArray(value['peers']) &&
  value['peers'].every(examinedPeer) &&
  Array.isArray(value['ports']) &&
  value['ports'].every(examinedPort) &&
  number(value['dataPathPort']);

const lists = (value: Fields, names: readonly string[]): boolean =>
  names.every((name) => Array.isArray(value[name]) && value[name].every(isFields));
const dataPath: Check = (value) =>
  isFields(value) &&
  text(value['kind']) &&
  (value['kind'] !== 'seen' || (lists(value, ['paths']) && texts(value['heard'])));
const kernel: Check = (value) =>
  isFields(value) && texts(value['differences']) && lists(value, ['repairs']);
const examination: Check = (value) =>
  value === undefined ||
  (isFields(value) &&
    number(value['at']) &&
    number(value['linkMtu']) &&
    dataPath(value['dataPath']) &&
    kernel(value['kernel']) &&
    lists(value, ['ports', 'names', 'dropPolicies']));

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
    attachments: (value) => value === undefined || attachmentReport(value),
  },
  observed: { sentAt: number, tasks: observedTasks, gone: texts },
  ports: { problems: portProblems },
  shown: { confirm: number },
  description: { description: isDescription },
  beat: { sentAt: number, life: numberIfThere, known: numberIfThere },
  attach: { id: nonEmptyText, network: nonEmptyText, address: textIfThere },
  attachments: { report: attachmentReport },
  examined: { requestId: nonEmptyText, examination, failure: textIfThere },
  farewell: { returns: flag },
  left: {},
};

const managerShapes: Shapes<ManagerMessage> = {
  assign: {
    clusterId: nonEmptyText,
    epoch: numberIfThere,
    sequence: number,
    full: flag,
    changes,
    confirm: numberIfThere,
  },
  beat: { sentAt: number, periodMs: numberIfThere, answers: numberIfThere },
  lease: { periodMs: number, retryMs: number, fencedAfterMs: number, datagrams: lifeAccess },
  logs: { requestId: nonEmptyText, taskId: nonEmptyText, query: object },
  examine: { requestId: nonEmptyText, order: examinationOrder },
  attached: { id: nonEmptyText, place, refusal },
  noted: { number, refused: attachedContainers },
  cancel: { requestId: nonEmptyText },
  leave: {},
  managers: { managers: knownManagers },
  nodes: { count: number },
  renew: { delayMs: number },
};

const logShapes: Shapes<LogMessage> = {
  frame: { frame: object },
  failed: { message: text },
};

/**
 * What was received, or undefined for a kind that only a newer version knows: whoever sends it can
 * do without an answer (docs/design/upgrades.md). Throws `invalid-argument`, naming the field, when
 * the value is no message at all, or one of a known kind that is malformed.
 */
export function parseAgentMessage(value: unknown): AgentMessage | undefined {
  return parse(value, agentShapes) as AgentMessage | undefined;
}

/** As `parseAgentMessage`, of a manager. */
export function parseManagerMessage(value: unknown): ManagerMessage | undefined {
  const message = parse(value, managerShapes) as ManagerMessage | undefined;
  if (message?.kind !== 'assign' || message.changes.every(isKnown)) return message;
  return { ...message, changes: message.changes.filter(isKnown) };
}

/** As `parseAgentMessage`, of a log stream. */
export function parseLogMessage(value: unknown): LogMessage | undefined {
  return parse(value, logShapes) as LogMessage | undefined;
}

type ViewTable = Extract<NodeViewChange, { readonly put: unknown }>['put'];

const viewTables: Readonly<Record<ViewTable, true>> = {
  task: true,
  template: true,
  network: true,
  data: true,
  'catalog-service': true,
  'catalog-task': true,
  'catalog-node': true,
};

/** A newer manager may put what this agent has no place for. */
function isKnown(one: NodeViewChange): boolean {
  return Object.hasOwn(viewTables, 'put' in one ? one.put : one.drop);
}

function parse(
  value: unknown,
  shapes: Readonly<Record<string, Readonly<Record<string, Check>>>>,
): unknown {
  if (!isFields(value)) throw new TuttiError('invalid-argument', 'a message must be an object');
  const kind = value['kind'];
  if (typeof kind !== 'string' || kind === '') {
    throw new TuttiError('invalid-argument', 'a message says of which kind it is', {
      field: 'kind',
    });
  }
  const shape = Object.hasOwn(shapes, kind) ? shapes[kind] : undefined;
  if (shape === undefined) return undefined;
  for (const [field, check] of Object.entries(shape)) {
    if (check(value[field])) continue;
    throw new TuttiError(
      'invalid-argument',
      `the field ${field} of a message of kind ${kind} is missing or malformed`,
      { field },
    );
  }
  return value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
