import type { NodeInspection, NodeReport } from '../model/report.ts';
import { formatAge } from './age.ts';
import { type CliContext, exitCodes } from './context.ts';
import { nodePath } from './node-path.ts';
import { renderTable } from './table.ts';
import { describeSkew } from './version-skew.ts';

/** `tutti node ls`. */
export async function nodeList(context: CliContext): Promise<number> {
  const { output, json, client, signal } = context;
  const { nodes } = await client.call<{ readonly nodes: readonly NodeReport[] }>({
    method: 'GET',
    path: '/tutti/v1/nodes',
    signal,
  });
  if (json) {
    output.write(`${JSON.stringify(nodes)}\n`);
    return exitCodes.success;
  }
  const rows = nodes.map((node) => [
    node.hostname,
    node.id,
    node.role,
    node.availability,
    node.state,
    node.address,
    String(node.tasks),
    node.version ?? '',
  ]);
  const header = ['NODE', 'ID', 'ROLE', 'AVAILABILITY', 'STATE', 'ADDRESS', 'TASKS', 'VERSION'];
  output.write(renderTable(header, rows, output.paint));
  for (const { hostname, held } of nodes) {
    if (held !== undefined) output.note(`${hostname}: ${held}\n`);
  }
  const skew = describeSkew(nodes);
  if (skew !== undefined) output.note(`${skew}\n`);
  if (rows.length === 0) output.note('no cluster yet; tutti stack deploy makes one\n');
  return exitCodes.success;
}

/** `tutti node inspect NODE`: the node and what runs on it. */
export async function nodeInspect(context: CliContext, node: string): Promise<number> {
  const { output, json, client, signal } = context;
  const found = await client.call<NodeInspection>({ method: 'GET', path: nodePath(node), signal });
  if (json) {
    output.write(`${JSON.stringify(found)}\n`);
    return exitCodes.success;
  }
  const { description } = found;
  const labels = Object.entries(found.labels).map(([key, value]) => `${key}=${value}`);
  const memoryGib = (description.memoryBytes / 1_024 ** 3).toFixed(1);
  output.write(
    `${output.paint('bold', found.hostname)} (${found.id}), ${found.role} at ${found.address}\n` +
      `  ${found.state}, availability ${found.availability}\n` +
      `  ${description.os}/${description.architecture}, ${description.nanoCpus / 1e9} CPUs, ` +
      `${memoryGib} GiB, container engine ${description.engineVersion}` +
      `${found.version === undefined ? '' : `, Tutti ${found.version}`}\n` +
      `  labels: ${labels.length === 0 ? 'none' : labels.join(', ')}\n`,
  );
  const now = Date.now();
  const rows = found.onIt.map((task) => [
    task.name,
    task.image,
    task.desired,
    `${task.state} ${formatAge(task.since, now)}`,
    task.reason?.message ?? '',
  ]);
  const header = ['TASK', 'IMAGE', 'DESIRED', 'STATE', 'REASON'];
  output.write(rows.length === 0 ? '  no tasks\n' : renderTable(header, rows, output.paint));
  return exitCodes.success;
}

/** `tutti node pause|activate NODE`. */
export async function nodeAvailability(
  context: CliContext,
  options: { readonly node: string; readonly availability: 'active' | 'pause' },
): Promise<number> {
  const { output, json, client, signal } = context;
  const { availability } = options;
  const node = await client.call<NodeReport>({
    method: 'PUT',
    path: nodePath(options.node, 'availability'),
    body: { availability },
    signal,
  });
  if (json) output.write(`${JSON.stringify(node)}\n`);
  else if (availability === 'pause') {
    output.write(`${node.hostname} gets no new tasks, and keeps those it has\n`);
  } else {
    output.write(`${node.hostname} takes tasks\n`);
    output.note('what runs elsewhere stays there; tutti rebalance spreads it again\n');
  }
  return exitCodes.success;
}

/** `tutti node accept`, on the machine itself. */
export async function nodeAccept(context: CliContext): Promise<number> {
  const { output, json, client, signal } = context;
  const answer = await client.call<{ readonly removed: number }>({
    method: 'POST',
    path: '/tutti/v1/node/accept',
    signal,
  });
  const text =
    answer.removed === 0
      ? 'this machine keeps no tasks that managers do not know\n'
      : `${answer.removed} tasks that no manager knows are being removed\n`;
  output.write(json ? `${JSON.stringify(answer)}\n` : text);
  return exitCodes.success;
}
