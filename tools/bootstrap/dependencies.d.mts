export function ensureDependencies(directory: string, label: string): Promise<void>;

export function differencesFromLock(directory: string): readonly string[];
