import type {
  ClusterExamination,
  DropPolicy,
  KernelObservation,
  NameObservation,
} from '../model/network-examination.ts';
import type { NetworkFinding } from '../model/network-report.ts';
import { acceptMarked } from './port-findings.ts';
import { type SeenNode, type SeenNodes, some } from './seen-node.ts';

/** Certificates and leases bear more; logs of two nodes are hard to read side by side. */
const skewLimitMs = 1_000;

/** What is wrong with single nodes. */
export function nodeFindings(
  { nodes }: ClusterExamination,
  seen: SeenNodes,
): readonly NetworkFinding[] {
  return [
    ...nodes.flatMap(({ hostname, outcome }): readonly NetworkFinding[] =>
      outcome.kind === 'examined'
        ? []
        : [
            {
              code: 'node-silent',
              severity: 'broken',
              subject: hostname,
              message: outcome.message,
              hint:
                outcome.hint ?? 'See with `tutti node ls` how it is, and read its daemon’s log.',
            },
          ],
    ),
    ...seen.all.flatMap((node) => [
      ...dataPathFindings(node),
      ...bridgeFilterFindings(node),
      ...kernelFindings(node),
      ...nameFindings(node),
      ...policyFindings(node),
      ...clockFindings(node),
    ]),
  ];
}

function dataPathFindings({ hostname, examined }: SeenNode): readonly NetworkFinding[] {
  const { dataPath } = examined;
  if (dataPath.kind !== 'failed') return [];
  return [
    {
      code: 'data-path',
      severity: 'broken',
      subject: hostname,
      message: `no VXLAN device can be made for the look at other nodes: ${dataPath.message}`,
      hint:
        'Networks between nodes need the kernel module vxlan (`modprobe vxlan`) and the UDP port ' +
        'of the networks, which no other program may have (`ss -lunp`).',
    },
  ];
}

function bridgeFilterFindings({ hostname, examined }: SeenNode): readonly NetworkFinding[] {
  switch (examined.kernel.bridgeFilter) {
    case 'on':
      return [];
    case 'off':
      return [
        {
          code: 'bridge-filter',
          severity: 'repaired',
          subject: hostname,
          message:
            'net.bridge.bridge-nf-call-iptables was 0: replies of tasks on the same bridge as ' +
            'their caller got lost',
          hint: 'Something of this machine sets it: look in /etc/sysctl.d.',
        },
      ];
    case 'missing':
      return [
        {
          code: 'bridge-filter',
          severity: 'broken',
          subject: hostname,
          message: 'the kernel module br_netfilter is missing, which virtual addresses need',
          hint: 'Load it with `modprobe br_netfilter`.',
        },
      ];
  }
}

function kernelFindings({ hostname, examined }: SeenNode): readonly NetworkFinding[] {
  const { kernel } = examined;
  return [...failureFindings(hostname, kernel), ...repairFindings(hostname, kernel)];
}

function failureFindings(subject: string, kernel: KernelObservation): readonly NetworkFinding[] {
  if (kernel.failure === undefined) return [];
  return [
    {
      code: 'kernel-drift',
      severity: 'broken',
      subject,
      message: `the kernel could not be brought to what it should have: ${kernel.failure}`,
      hint: 'It is tried again every 30 seconds; the log of the daemon says more.',
    },
  ];
}

function repairFindings(subject: string, kernel: KernelObservation): readonly NetworkFinding[] {
  const found = kernel.differences.map((what) => `${what} (now)`);
  const earlier = kernel.repairs.map(({ what, agoMs }) => `${what} (${ago(agoMs)} ago)`);
  const all = [...found, ...earlier];
  if (all.length === 0) return [];
  return [
    {
      code: 'kernel-repaired',
      severity: 'repaired',
      subject,
      message: `somebody else changed what is ours in the kernel, and it was made again: ${some(all)}`,
      hint: 'Find who does it (a firewall that is loaded anew, a clean-up script) and leave out what is ours: the nftables table `ip tutti`, devices `tt-…`.',
    },
  ];
}

function ago(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

function nameFindings({ hostname, examined }: SeenNode): readonly NetworkFinding[] {
  return examined.names.flatMap((asked): readonly NetworkFinding[] => {
    const trouble = nameTrouble(asked);
    if (trouble === undefined) return [];
    const { name, task, network, server } = asked;
    return [
      {
        code: 'name-unanswered',
        severity: 'broken',
        subject: hostname,
        message: `${task} asked ${server} (network ${network}) for ${name}, and ${trouble}`,
        hint: nameHint(asked, examined.dropPolicies.filter(isForeign)),
      },
    ];
  });
}

/** Queries come in to this machine itself, marked as published ports are. */
function nameHint({ name, outcome }: NameObservation, policies: readonly DropPolicy[]): string {
  const policy = policies.find(({ hook }) => hook === 'input');
  if (outcome.kind === 'silent' && policy !== undefined) {
    return (
      `The chain ${policy.table} ${policy.chain} drops what no rule accepts: ` +
      `\`${acceptMarked(policy)}\``
    );
  }
  return (
    `See \`tutti why dns ${name}\` on that machine; if nothing answers at all, a rule of ` +
    'somebody else drops port 53 of the gateway (`nft list ruleset`).'
  );
}

function nameTrouble({ outcome }: NameObservation): string | undefined {
  switch (outcome.kind) {
    case 'answered':
      return outcome.addresses.length > 0 ? undefined : 'got no address';
    case 'silent':
      return 'got no answer';
    case 'failed':
      return `failed: ${outcome.message}`;
  }
}

/** The container engine's own chains may drop: what is ours passes by a mark. */
function policyFindings({ hostname, examined }: SeenNode): readonly NetworkFinding[] {
  return examined.dropPolicies.filter(isForeign).map((policy) => ({
    code: 'drop-policy',
    severity: 'warning',
    subject: hostname,
    message:
      `the chain ${policy.table} ${policy.chain} (${policy.hook}) drops what no rule of it ` +
      'accepts; an accept of ours in another table does not help there',
    hint: `If published ports or containers cannot be reached: \`${acceptMarked(policy)}\``,
  }));
}

function isForeign({ table, hook }: DropPolicy): boolean {
  return table !== 'ip filter' && (hook === 'input' || hook === 'forward');
}

function clockFindings(node: SeenNode): readonly NetworkFinding[] {
  const skewMs = node.examined.at - node.receivedAt;
  if (Math.abs(skewMs) < skewLimitMs) return [];
  const seconds = (Math.abs(skewMs) / 1_000).toFixed(1);
  return [
    {
      code: 'clock-skew',
      severity: 'warning',
      subject: node.hostname,
      message: `its clock is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} that of the leader`,
      hint: 'Let all machines follow the same time servers (chrony, systemd-timesyncd).',
    },
  ];
}
