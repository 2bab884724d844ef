import type { PortObservation } from '../model/network-examination.ts';
import type { NetworkFinding } from '../model/network-report.ts';
import { type SeenNode, type SeenNodes, some } from './seen-node.ts';

interface Knock extends PortObservation {
  readonly from: SeenNode;
}

/** Published ports that do not answer, and from where. */
export function portFindings(seen: SeenNodes): readonly NetworkFinding[] {
  const knocks = seen.all.flatMap((from) =>
    from.examined.ports.map((port): Knock => ({ ...port, from })),
  );
  const byPort = Map.groupBy(knocks, ({ nodeId, port }) => `${nodeId} ${port}`);
  return [...byPort.values()].flatMap((of) => portFinding(of, seen));
}

function portFinding(knocks: readonly Knock[], seen: SeenNodes): readonly NetworkFinding[] {
  const unanswered = knocks.filter(({ outcome }) => outcome !== 'taken');
  const [first] = unanswered;
  if (first === undefined) return [];
  const { nodeId, port, service } = first;
  const isSilent = unanswered.some(({ outcome }) => outcome === 'silent');
  const whom =
    unanswered.length === knocks.length
      ? 'anybody'
      : some(unanswered.map(({ from }) => from.hostname));
  return [
    {
      code: 'port-unreachable',
      severity: 'broken',
      subject: seen.nameOf(nodeId),
      message:
        `the published port ${port} of ${service} ${isSilent ? 'does not answer' : 'refuses'} ` +
        `${whom}, though tasks of it are ready`,
      hint: portHint(seen.byId(nodeId), { port, isSilent }),
    },
  ];
}

function portHint(
  node: SeenNode | undefined,
  { port, isSilent }: { readonly port: number; readonly isSilent: boolean },
): string {
  const policy = node?.examined.dropPolicies.find(
    ({ hook, table }) => table !== 'ip filter' && (hook === 'input' || hook === 'forward'),
  );
  if (isSilent && policy !== undefined) {
    return (
      `The chain ${policy.table} ${policy.chain} of ${node?.hostname} drops what no rule accepts: ` +
      `\`${acceptMarked(policy)}\``
    );
  }
  return isSilent
    ? `Let TCP port ${port} in on that node, and look for rules of others before ours: ` +
        '`iptables -S DOCKER-USER`, `nft list ruleset`.'
    : 'See whether the program in the container listens on all addresses, and on the target port; ' +
        '`tutti why service` tells which port that is.';
}

/** How a firewall lets the connections pass that our own table let in. */
export function acceptMarked({
  table,
  chain,
}: {
  readonly table: string;
  readonly chain: string;
}): string {
  return `nft insert rule ${table} ${chain} ct mark and 0xffff0000 == 0x54540000 accept`;
}
