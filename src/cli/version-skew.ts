import type { NodeReport } from '../model/report.ts';

/** What to do where nodes run different versions of Tutti; undefined: they do not. */
export function describeSkew(
  nodes: readonly Pick<NodeReport, 'hostname' | 'version'>[],
): string | undefined {
  const byVersion = Map.groupBy(nodes, ({ version }) => version ?? 'an older version');
  if (byVersion.size < 2) return undefined;
  const said = [...byVersion]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([version, those]) => `${version} on ${those.map(({ hostname }) => hostname).join(', ')}`);
  return (
    `the nodes run different versions of Tutti: ${said.join('; ')}; ` +
    'bring all of them to the newest one (docs/operations.md, Upgrading)'
  );
}
