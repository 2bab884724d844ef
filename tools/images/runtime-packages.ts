/**
 * The paths that a `package-lock.json` names for run time, such as `node_modules/pg`. Packages
 * inside other packages come along with those, and so have no entry.
 */
export function runtimePackages(lockFile: string): readonly string[] {
  const { packages } = JSON.parse(lockFile) as LockFile;
  return Object.entries(packages)
    .filter(([path, { dev }]) => path.lastIndexOf('node_modules/') === 0 && dev !== true)
    .map(([path]) => path);
}

/** https://docs.npmjs.com/cli/configuring-npm/package-lock-json, version 3 */
interface LockFile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}
