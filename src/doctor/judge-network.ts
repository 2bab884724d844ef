import type { ClusterExamination } from '../model/network-examination.ts';
import type { NetworkFinding, NetworkReport } from '../model/network-report.ts';
import { nodeFindings } from './node-findings.ts';
import { pathFindings } from './path-findings.ts';
import { portFindings } from './port-findings.ts';
import { seenNodes } from './seen-node.ts';

const severities: readonly NetworkFinding['severity'][] = ['broken', 'warning', 'repaired'];

/** Says what is wrong with a network that was looked at, the worst first. */
export function judgeNetwork(examination: ClusterExamination): NetworkReport {
  const seen = seenNodes(examination);
  const findings = [
    ...nodeFindings(examination, seen),
    ...pathFindings(examination, seen),
    ...portFindings(seen),
    ...examination.leftOut.map(
      (message): NetworkFinding => ({
        code: 'left-out',
        severity: 'warning',
        subject: 'the cluster',
        message,
      }),
    ),
  ];
  return {
    scope: examination.scope,
    nodes: examination.nodes.map(({ hostname, address, outcome }) => ({
      hostname,
      address,
      examined: outcome.kind === 'examined',
      ...(outcome.kind === 'examined' && { linkMtu: outcome.examination.linkMtu }),
    })),
    pairs: seen.all.flatMap(({ hostname, paths }) =>
      paths.map(({ nodeId, ...path }) => ({ from: hostname, to: seen.nameOf(nodeId), ...path })),
    ),
    knocks: sum(seen.all.map(({ examined }) => examined.ports.length)),
    lookups: sum(seen.all.map(({ examined }) => examined.names.length)),
    findings: severities.flatMap((severity) =>
      findings.filter((finding) => finding.severity === severity),
    ),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
