export type Labels = Readonly<Record<string, string>>;

/** The label by which every tool knows which stack an object belongs to (docker/cli, compose/convert). */
export const stackLabel = 'com.docker.stack.namespace';
export const stackImageLabel = 'com.docker.stack.image';
