import type {
  ClusterExamination,
  NodeExamination,
  PathObservation,
} from '../model/network-examination.ts';

/** A node that answered. */
export interface SeenNode {
  readonly nodeId: string;
  readonly hostname: string;
  readonly address: string;
  readonly receivedAt: number;
  readonly examined: NodeExamination;
  readonly paths: readonly PathObservation[];
  readonly heard: ReadonlySet<string>;
}

export interface SeenNodes {
  readonly all: readonly SeenNode[];
  byId(nodeId: string): SeenNode | undefined;
  /** The host name of a node, whether it answered or not. */
  nameOf(nodeId: string): string;
}

/** The nodes that answered, and the names of all. */
export function seenNodes({ nodes }: ClusterExamination): SeenNodes {
  const all = nodes.flatMap(({ nodeId, hostname, address, outcome }): readonly SeenNode[] => {
    if (outcome.kind === 'failed') return [];
    const { examination: examined, receivedAt } = outcome;
    const { dataPath } = examined;
    const isSeen = dataPath.kind === 'seen';
    const paths = isSeen ? dataPath.paths : [];
    const heard = new Set(isSeen ? dataPath.heard : []);
    return [{ nodeId, hostname, address, receivedAt, examined, paths, heard }];
  });
  const byId = new Map(all.map((node) => [node.nodeId, node]));
  const names = new Map(nodes.map(({ nodeId, hostname }) => [nodeId, hostname]));
  return {
    all,
    byId: (nodeId) => byId.get(nodeId),
    nameOf: (nodeId) => names.get(nodeId) ?? nodeId,
  };
}

/** A few of many, for a sentence. */
export function some(names: readonly string[]): string {
  const shown = 3;
  const rest = names.length - shown;
  return rest > 0 ? `${names.slice(0, shown).join(', ')} and ${rest} more` : names.join(', ');
}
