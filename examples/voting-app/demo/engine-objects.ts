import { runProgram } from '../../../tools/bootstrap/run.mjs';
import { requestEngine } from '../../../tools/engine/engine-request.ts';
import { acceptMark, tableName } from '../../../src/overlay/rule-table.ts';
import { backingNetworkLabel, stackLabel } from '../../../src/model/labels.ts';
import { TuttiError } from '../../../src/lib/error.ts';

/** Something on the machine, what a person calls it, and how it goes. */
export interface MachineObject {
  readonly what: string;
  readonly remove: () => Promise<void>;
}

interface Listed {
  readonly Id: string;
  readonly Name: string;
  readonly Names?: readonly string[];
}

/** The named volumes of a stack. */
export async function stackVolumes(
  engineSocket: string,
  stack: string,
): Promise<readonly MachineObject[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`${stackLabel}=${stack}`] }));
  const reply = (await get(engineSocket, `/volumes?filters=${filters}`)) as {
    readonly Volumes?: readonly Listed[];
  };
  return (reply.Volumes ?? []).map(({ Name }) => ({
    what: `volume ${Name}`,
    remove: () => remove(engineSocket, `/volumes/${Name}`),
  }));
}

/**
 * What a daemon that did its work has removed, and one that was killed has not: containers of the
 * stack, networks, rules of the packet filter.
 */
export async function findLeftovers(
  engineSocket: string,
  stack: string,
): Promise<readonly MachineObject[]> {
  const containers = await list(engineSocket, {
    path: '/containers/json?all=1',
    label: `${stackLabel}=${stack}`,
  });
  const networks = await list(engineSocket, { path: '/networks?', label: backingNetworkLabel });
  return [
    ...containers.map(({ Id, Names }) => ({
      what: `container ${Names?.[0]?.slice(1) ?? Id}`,
      remove: () => remove(engineSocket, `/containers/${Id}?force=1&v=1`),
    })),
    ...networks.map(({ Id, Name }) => ({
      what: `network ${Name}`,
      remove: () => remove(engineSocket, `/networks/${Id}`),
    })),
    ...(await findPacketFilter()),
  ];
}

/** Tutti's table of the packet filter, and its rule among the container engine's. */
export async function findPacketFilter(): Promise<readonly MachineObject[]> {
  const table = tableName.split(' ');
  const hasTable = (await runProgram('nft', ['list', 'table', ...table])).code === 0;
  const { output } = await runProgram('iptables', ['-w', '-S', 'DOCKER-USER']);
  const mark = `0x${acceptMark.value.toString(16)}/`;
  const rules = output.split('\n').filter((line) => line.includes(mark));
  return [
    ...(hasTable
      ? [
          {
            what: `nftables table ${tableName}`,
            remove: () => run('nft', ['delete', 'table', ...table]),
          },
        ]
      : []),
    ...rules.map((rule) => ({
      what: `iptables rule ${rule}`,
      remove: () => run('iptables', ['-w', '-D', ...rule.split(' ').slice(1)]),
    })),
  ];
}

async function list(
  engineSocket: string,
  { path, label }: { readonly path: string; readonly label: string },
): Promise<readonly Listed[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  return (await get(engineSocket, `${path}&filters=${filters}`)) as readonly Listed[];
}

async function get(engineSocket: string, path: string): Promise<unknown> {
  const { status, body } = await requestEngine(engineSocket, { path });
  if (status !== 200) throw refused(`GET ${path}`, { status, body });
  return JSON.parse(body);
}

async function remove(engineSocket: string, path: string): Promise<void> {
  const { status, body } = await requestEngine(engineSocket, { method: 'DELETE', path });
  // What is already gone is gone.
  if (status >= 400 && status !== 404) throw refused(`DELETE ${path}`, { status, body });
}

function refused(
  what: string,
  reply: { readonly status: number; readonly body: string },
): TuttiError {
  const text = `The container engine answered ${reply.status} to ${what}: ${reply.body.trim()}`;
  return new TuttiError('unavailable', text);
}

async function run(program: string, parameters: readonly string[]): Promise<void> {
  const { code, output } = await runProgram(program, parameters);
  if (code === 0) return;
  throw new TuttiError('internal', `${program} ${parameters.join(' ')} failed: ${output.trim()}`);
}
