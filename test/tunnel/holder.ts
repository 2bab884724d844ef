/*
 * Holds what leads from one host to others, encrypted or not, as an agent does, and obeys lines of
 * its standard input: `show VIEW` (JSON), `describe`, `recheck`, `later MS` (by so much its clock
 * goes on), `remove`. It answers each with a line of JSON.
 *
 *   node holder.ts NODE_ID DIRECTORY
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Tunnels } from '../../src/agent/tunnels.ts';
import { JoinedNetworks } from '../../src/agent/joined-networks.ts';
import type { CatalogNode, CatalogTask, NetworkAssignment } from '../../src/model/assignment.ts';
import { LinuxNetworkDevices } from '../../src/os/network-devices.ts';
import { LinuxSpanDevices } from '../../src/os/span-devices.ts';
import { LinuxTunnelDevices } from '../../src/os/tunnel-devices.ts';
import { TunnelKeyFile } from '../../src/os/tunnel-key-file.ts';
import { nodeRules } from '../../src/overlay/node-rules.ts';
import { tableName } from '../../src/overlay/rule-table.ts';
import { renderWhole } from '../../src/overlay/ruleset.ts';

/** What a manager tells about networks, tasks and nodes. */
export interface HeldView {
  readonly networks: readonly NetworkAssignment[];
  readonly tasks: readonly CatalogTask[];
  readonly nodes: readonly CatalogNode[];
}

const linkMtu = 1_500;
const [nodeId = '', directory = ''] = process.argv.slice(2);
const quiet = () => undefined;
const warn = (message: string, fields?: object) =>
  void process.stderr.write(`${nodeId}: ${message} ${JSON.stringify(fields)}\n`);
const logger = { debug: quiet, info: quiet, warn, error: warn };
let aheadMs = 0;
const nobodyWaits = async () => await Promise.reject(new Error('nobody waits here'));
const clock = { now: () => Date.now() + aheadMs, sleep: nobodyWaits, turn: nobodyWaits };
const devices = new LinuxNetworkDevices(directory, quiet);
let isNews = false;
const tunnels = new Tunnels({
  devices: new LinuxTunnelDevices({
    logPath: join(directory, `${nodeId}.log`),
    keyPath: join(directory, `${nodeId}.key`),
  }),
  keys: new TunnelKeyFile(join(directory, `${nodeId}.json`)),
  clock,
  logger,
  onKeys: () => {
    isNews = true;
  },
});
const others = new JoinedNetworks({
  spanDevices: new LinuxSpanDevices(),
  tunnels,
  logger,
  linkMtu: async () => linkMtu,
});

async function show({ networks, tasks, nodes }: HeldView): Promise<void> {
  const view = {
    nodeId,
    networks: new Map(networks.map((one) => [one.networkId, one])),
    tasks: new Map(tasks.map((one) => [one.taskId, one])),
    nodes: new Map(nodes.map((one) => [one.nodeId, one])),
    services: new Map(),
    own: new Map(),
    publications: [],
  };
  const shown = { view, dnsPorts: new Map(), forwards: [], ...(await others.join(view)) };
  await devices.loadRules(renderWhole(nodeRules(shown).ruleset));
}

async function obey(verb: string, rest: string): Promise<unknown> {
  switch (verb) {
    case 'show':
      await show(JSON.parse(rest) as HeldView);
      return isNews;
    case 'describe':
      isNews = false;
      return await tunnels.describe();
    case 'recheck':
      await others.recheck();
      return others.driftCount;
    case 'later':
      aheadMs += Number(rest);
      return aheadMs;
    case 'remove':
      await others.remove();
      await devices.removeRules(tableName);
      return true;
    default:
      return `what is "${verb}"?`;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [verb = '', ...rest] = line.split(' ');
  const answer = obey(verb, rest.join(' ')).catch((error: unknown) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(await answer)}\n`);
}
