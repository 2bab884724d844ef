import type { ClusterExamination } from '../model/network-examination.ts';

/** Networks are not made for larger packets, whatever links take. */
const usualMtu = 1_500;

/**
 * The size of the largest packets that pass whole between all nodes, where links in between take
 * less than those of the nodes say (`tutti doctor net`); undefined: nothing like that is known.
 *
 * @param known.before What was found before. It counts on where not every pair was looked at.
 * @param known.nodeCount Of the cluster.
 */
export function passedMtu(
  { nodes }: Pick<ClusterExamination, 'nodes'>,
  known: { readonly before: number | undefined; readonly nodeCount: number },
): number | undefined {
  const examined = nodes.flatMap(({ outcome }) =>
    outcome.kind === 'examined' ? [outcome.examination] : [],
  );
  const paths = examined.flatMap(({ dataPath }) =>
    dataPath.kind === 'seen' ? dataPath.paths : [],
  );
  const sizes = paths.flatMap(({ largestBytes }) => largestBytes ?? []);
  const smallest = Math.min(...sizes);
  const links = examined.map(({ linkMtu }) => linkMtu);
  const found = smallest < Math.min(usualMtu, ...links) ? smallest : undefined;
  const pairCount = known.nodeCount * (known.nodeCount - 1);
  if (sizes.length === pairCount || known.before === undefined) return found;
  return Math.min(found ?? known.before, known.before);
}
