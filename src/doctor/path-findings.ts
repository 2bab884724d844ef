import type { ClusterExamination, PathObservation } from '../model/network-examination.ts';
import type { NetworkFinding } from '../model/network-report.ts';
import { type SeenNode, type SeenNodes, some } from './seen-node.ts';

/** What VXLAN over IPv4 adds to each packet. */
const headerBytes = 50;
const mtuOption = 'com.docker.network.driver.mtu';

interface Pair {
  readonly from: SeenNode;
  /** Undefined: it did not answer whoever asked. */
  readonly to: SeenNode | undefined;
  readonly toName: string;
  readonly path: PathObservation;
}

/** What is wrong between nodes. The same trouble on both ways of a pair is one finding. */
export function pathFindings(
  { dataPathPort }: ClusterExamination,
  seen: SeenNodes,
): readonly NetworkFinding[] {
  const pairs = seen.all.flatMap((from) =>
    from.paths.map((path): Pair => {
      const to = seen.byId(path.nodeId);
      return { from, to, toName: seen.nameOf(path.nodeId), path };
    }),
  );
  // Of a node that said nothing itself, enough is said.
  const known = pairs.filter(({ to }) => to?.examined.dataPath.kind === 'seen');
  const lost = known.filter(({ path }) => path.answered === 0);
  const reached = known.filter(({ path }) => path.answered > 0);
  return [
    ...oncePerPair(lost).map((pair) => unreachable(pair, { dataPathPort })),
    ...reached.filter(({ path }) => path.answered < path.sent).map(packetLoss),
    ...oncePerPair(reached.filter(({ path }) => !path.full)).map(fullSizeLost),
    ...oncePerPair(reached.filter(isSmall)).map(smallLink),
    ...linksDiffer(seen),
  ];
}

/** One of each two nodes, the first that was met. */
function oncePerPair(pairs: readonly Pair[]): readonly Pair[] {
  const met = new Set<string>();
  return pairs.filter(({ from, path }) => {
    if (met.has(`${path.nodeId} ${from.nodeId}`)) return false;
    met.add(`${from.nodeId} ${path.nodeId}`);
    return true;
  });
}

function unreachable(
  { from, to, toName }: Pair,
  { dataPathPort }: { readonly dataPathPort: number },
): NetworkFinding {
  const isHeard = to?.heard.has(from.nodeId) === true;
  const isBackHeard = to !== undefined && from.heard.has(to.nodeId);
  // Where the question came and the answer did not, the way back is what is cut.
  const [way, here, there] = isHeard
    ? [`${toName} → ${from.hostname}`, to, from]
    : [`${from.hostname} → ${toName}`, from, to];
  const message =
    isHeard || isBackHeard
      ? `nothing passes over UDP port ${dataPathPort}, though the other way it does`
      : `nothing passes over UDP port ${dataPathPort}, neither way`;
  const policy = there?.examined.dropPolicies.find(({ hook }) => hook === 'input');
  const port = `UDP port ${dataPathPort}`;
  const hint =
    policy === undefined
      ? `Let ${port} pass between ${here?.address} and ${there?.address}, both ways, in their ` +
        'firewalls and in those between them (security groups of a cloud).'
      : `On ${there?.hostname} the chain ${policy.table} ${policy.chain} drops what no rule ` +
        `accepts: \`${acceptCommand(policy, { port: dataPathPort, from: here?.address ?? '' })}\``;
  return { code: 'unreachable', severity: 'broken', subject: way, message, hint };
}

/** How a firewall lets a node's packets in. */
function acceptCommand(
  { table, chain }: { readonly table: string; readonly chain: string },
  { port, from }: { readonly port: number; readonly from: string },
): string {
  return table === 'ip filter'
    ? `iptables -I ${chain} -p udp --dport ${port} -s ${from} -j ACCEPT`
    : `nft insert rule ${table} ${chain} ip saddr ${from} udp dport ${port} accept`;
}

function packetLoss({ from, toName, path }: Pair): NetworkFinding {
  return {
    code: 'packet-loss',
    severity: 'warning',
    subject: `${from.hostname} → ${toName}`,
    message: `${path.sent - path.answered} of ${path.sent} small packets were lost`,
    hint: 'Look for errors of the link (`ip -s link`), and for a machine that is overloaded.',
  };
}

function fullSizeLost({ from, to, toName, path }: Pair): NetworkFinding {
  const { largestBytes } = path;
  const fullBytes = fullBytesOf(from);
  const most =
    largestBytes === undefined ? 'none of 550 bytes passes' : `at most ${largestBytes} bytes pass`;
  const small = [from, to].find(
    (one) => one !== undefined && one.examined.linkMtu === largestBytes,
  );
  const whose = small === undefined ? '' : ` (the link of ${small.hostname} takes no more)`;
  return {
    code: 'full-size-lost',
    severity: 'broken',
    subject: `${from.hostname} → ${toName}`,
    message:
      `small packets pass, and those of full size (${fullBytes} bytes, ` +
      `${fullBytes + headerBytes} between the nodes) are lost: ${most}${whose}`,
    hint: sizeHint(largestBytes),
  };
}

function sizeHint(largestBytes: number | undefined): string {
  const raise = 'Give the link that takes less the size of the others (`ip link set dev … mtu …`)';
  if (largestBytes === undefined) return `${raise}.`;
  return (
    `${raise}, or make the networks anew: from now on they are made for what passes. ` +
    `\`--opt ${mtuOption}=${largestBytes - headerBytes}\` (in Compose: driver_opts) says it of one.`
  );
}

function fullBytesOf({ examined: { dataPath } }: SeenNode): number {
  return dataPath.kind === 'seen' ? dataPath.fullBytes : 0;
}

/** Packets of full size get through in pieces. */
function isSmall({ from, path }: Pair): boolean {
  const { full, largestBytes } = path;
  return full && largestBytes !== undefined && largestBytes < fullBytesOf(from) + headerBytes;
}

function smallLink({ from, toName, path }: Pair): NetworkFinding {
  return {
    code: 'small-link',
    severity: 'warning',
    subject: `${from.hostname} → ${toName}`,
    message: `packets of full size pass in pieces: at most ${path.largestBytes} bytes pass whole`,
    hint: sizeHint(path.largestBytes),
  };
}

/**
 * Containers of different nodes have packets of different sizes: TCP agrees on one, UDP does not.
 */
function linksDiffer(seen: SeenNodes): readonly NetworkFinding[] {
  const byMtu = Map.groupBy(seen.all, ({ examined }) => examined.linkMtu);
  const [smallest, ...larger] = [...byMtu.keys()].toSorted((left, right) => left - right);
  const largest = larger.at(-1);
  // Larger frames are not used.
  if (smallest === undefined || largest === undefined || smallest >= usualMtu) return [];
  const nodes = byMtu.get(smallest) ?? [];
  const names = nodes.map(({ hostname }) => hostname);
  return [
    {
      code: 'links-differ',
      severity: 'warning',
      subject: some(names),
      message:
        `the link has an MTU of ${smallest} bytes, that of other nodes ${largest}: their ` +
        `containers send packets over UDP that are too large for it`,
      hint: sizeHint(smallest),
    },
  ];
}

const usualMtu = 1_500;
