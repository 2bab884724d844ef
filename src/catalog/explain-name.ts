import type { DiscoveryView } from '../host/node-network.ts';
import type { Explanation } from '../model/report.ts';
import { addressesOf, type NameMeaning, Names } from './names.ts';

/**
 * The rows behind the answer to a name, as a task would get it; without a task, on every network.
 */
export function explainName(
  view: DiscoveryView,
  question: { readonly name: string; readonly fromTaskId: string | undefined },
): Explanation {
  const { name, fromTaskId } = question;
  const names = new Names(view);
  const asker = fromTaskId === undefined ? undefined : findTask(view, fromTaskId);
  if (fromTaskId !== undefined && asker === undefined) {
    return {
      subject: name,
      lines: [`no task "${fromTaskId}" is known to this node`],
      hint: 'tutti stack ps STACK lists the tasks.',
    };
  }
  const subject = asker === undefined ? name : `${name}, asked by ${asker.name}`;
  const visible = asker?.addresses.map((one) => one.networkId) ?? [...view.networks.keys()];
  const found = names.find(name, visible);
  if (found !== undefined) {
    return { subject, lines: explainMeaning(view, { ...found, names }) };
  }
  const elsewhere = names.networksWith(name).map((id) => view.networks.get(id)?.name ?? id);
  if (elsewhere.length > 0) {
    return {
      subject,
      lines: [`the name exists on ${elsewhere.join(', ')}, which the asking task is not on`],
      hint: 'Put both services on one network.',
    };
  }
  return {
    subject,
    lines: ['no service, alias or task of any network of this node has this name'],
    hint: 'Names with a dot are asked of the resolvers of this machine.',
  };
}

function findTask(view: DiscoveryView, reference: string) {
  for (const task of view.tasks.values()) {
    if (task.taskId.startsWith(reference) || task.name.startsWith(`${reference}.`)) return task;
  }
  return undefined;
}

function explainMeaning(
  view: DiscoveryView,
  found: { readonly meaning: NameMeaning; readonly networkId: string; readonly names: Names },
): readonly string[] {
  const { meaning, networkId } = found;
  const network = view.networks.get(networkId)?.name ?? networkId;
  const answer = addressesOf(meaning, networkId);
  const of = `on network ${network} it is service ${meaning.service.name}`;
  const tasks =
    meaning.kind === 'tasks'
      ? meaning.tasks
      : [...view.tasks.values()].filter((task) => task.serviceId === meaning.service.serviceId);
  const rows = tasks.map((task) => {
    const address = task.addresses.find((one) => one.networkId === networkId)?.address ?? 'none';
    return `${task.ready ? 'back end' : 'left out, not ready'}: ${task.name} at ${address}`;
  });
  const how =
    meaning.kind === 'virtual-address'
      ? `it answers with the virtual address ${meaning.address}`
      : `it answers with ${answer.length} addresses: ${answer.join(', ')}`;
  return [of, how, ...rows];
}
