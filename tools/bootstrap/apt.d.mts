export function findCommand(command: string): string | undefined;

export function installPackages(packages: readonly string[], purpose: string): Promise<void>;
