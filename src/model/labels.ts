export type Labels = Readonly<Record<string, string>>;

/**
 * The label by which every tool knows which stack an object belongs to (docker/cli,
 * compose/convert).
 */
export const stackLabel = 'com.docker.stack.namespace';
export const stackImageLabel = 'com.docker.stack.image';

/**
 * Marks a node's own network that carries a network of the cluster; its value is the cluster
 * network's id. Such networks are shown to nobody.
 */
export const backingNetworkLabel = 'dev.tutti.network';
