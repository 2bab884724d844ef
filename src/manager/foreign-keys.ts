import { type NodeEncryption, tunnelEndOf } from '../model/encryption.ts';
import type { NodeDescription } from '../model/node.ts';
import type { View } from '../store/view.ts';

/**
 * What a node says of itself, less a tunnel's key that another node has: who comes first keeps it.
 * Nobody else could read what is sent to a key, but whoever tells another's would keep it from it.
 */
export function withoutForeignKeys(
  view: Pick<View, 'nodes'>,
  { nodeId, description }: { readonly nodeId: string; readonly description: NodeDescription },
): NodeDescription {
  const keys = new Set(keysOf(description.encryption));
  if (keys.size === 0) return description;
  for (const other of view.nodes.all()) {
    if (other.id === nodeId) continue;
    if (!keysOf(other.description.encryption).some((key) => keys.has(key))) continue;
    const message = `it says that its key is the one of node ${other.description.hostname}`;
    return { ...description, encryption: { kind: 'unable', message } };
  }
  return description;
}

function keysOf(encryption: NodeEncryption | undefined): readonly string[] {
  const { publicKey, nextPublicKey } = tunnelEndOf(encryption) ?? {};
  return [publicKey, nextPublicKey].filter((key) => key !== undefined);
}
