/** The route of a node, or of something of it. */
export function nodePath(node: string, verb?: string): string {
  const path = `/tutti/v1/nodes/${encodeURIComponent(node)}`;
  return verb === undefined ? path : `${path}/${verb}`;
}
