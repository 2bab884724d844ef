import type { NodeDescription } from './node.ts';
import type { Platform } from './service.ts';

const architectureAliases: ReadonlyMap<string, string> = new Map([
  ['x86_64', 'amd64'],
  ['aarch64', 'arm64'],
]);

function architectureName(architecture: string): string {
  const lower = architecture.toLowerCase();
  return architectureAliases.get(lower) ?? lower;
}

/**
 * Whether the node can run one of the platforms; none given, or an absent part of one, allows every
 * node.
 */
export function runsPlatform(
  node: Pick<NodeDescription, 'os' | 'architecture'>,
  platforms: readonly Platform[],
): boolean {
  return (
    platforms.length === 0 ||
    platforms.some(
      ({ os, architecture }) =>
        (!os || os.toLowerCase() === node.os.toLowerCase()) &&
        (!architecture || architectureName(architecture) === architectureName(node.architecture)),
    )
  );
}
