import { defined } from '../lib/defined.ts';
import type { Mount } from '../model/template.ts';
import { refuse, refuseUnsupported } from './refuse.ts';
import type { MountDocument } from './schema-mount.ts';

/** Compiles the mounts of a container; targets are unique and absolute, as in Swarm. */
export function compileMounts(mounts: readonly MountDocument[], field: string): readonly Mount[] {
  const targets = new Set<string>();
  return mounts.map((mount, index) => {
    const here = `${field}[${index}]`;
    const target = mount.Target ?? '';
    if (!target.startsWith('/')) {
      refuse(`${here}.Target`, `must be an absolute path, not ${JSON.stringify(target)}`);
    }
    const key = target.replace(/\/+$/, '');
    if (targets.has(key)) refuse(`${here}.Target`, `duplicate mount point ${target}`);
    targets.add(key);
    return compileMount(mount, here);
  });
}

function compileMount(mount: MountDocument, field: string): Mount {
  refuseForeignOptions(mount, field);
  switch (mount.Type) {
    case 'bind':
      return compileBind(mount, field);
    case 'volume':
      return compileVolume(mount, field);
    case 'tmpfs':
      return compileTmpfs(mount, field);
    case 'npipe':
    case 'cluster':
    case 'image':
      return refuseUnsupported(`${field}.Type`, `mounts of type ${mount.Type} are`);
    case undefined:
      return refuse(`${field}.Type`, 'must be bind, volume or tmpfs');
  }
}

function refuseForeignOptions(mount: MountDocument, field: string): void {
  const owners = { BindOptions: 'bind', VolumeOptions: 'volume', TmpfsOptions: 'tmpfs' } as const;
  for (const [name, type] of Object.entries(owners)) {
    const options = mount[name as keyof typeof owners];
    if (options !== undefined && Object.keys(options).length > 0 && mount.Type !== type) {
      refuse(`${field}.${name}`, `belongs to mounts of type ${type}, not ${mount.Type ?? 'none'}`);
    }
  }
}

function compileBind(mount: MountDocument, field: string): Mount {
  const source = mount.Source ?? '';
  if (!source.startsWith('/')) {
    refuse(`${field}.Source`, `must be an absolute path, not ${JSON.stringify(source)}`);
  }
  const options = mount.BindOptions;
  if (options?.ReadOnlyNonRecursive === true || options?.ReadOnlyForceRecursive === true) {
    refuseUnsupported(`${field}.BindOptions`, 'recursive read-only settings are');
  }
  return defined({
    type: 'bind' as const,
    source,
    target: mount.Target ?? '',
    readOnly: mount.ReadOnly ?? false,
    propagation: options?.Propagation,
    nonRecursive: options?.NonRecursive === true ? true : undefined,
    createHostPath: options?.CreateMountpoint === true ? true : undefined,
  });
}

function compileVolume(mount: MountDocument, field: string): Mount {
  const options = mount.VolumeOptions;
  const source = mount.Source === '' ? undefined : mount.Source;
  if (source !== undefined && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(source)) {
    refuse(
      `${field}.Source`,
      `${JSON.stringify(source)} is no volume name`,
      'Use letters, digits, `_`, `.` and `-`; a path of the host is a mount of type bind.',
    );
  }
  const driver = options?.DriverConfig;
  return defined({
    type: 'volume' as const,
    source,
    target: mount.Target ?? '',
    readOnly: mount.ReadOnly ?? false,
    noCopy: options?.NoCopy === true ? true : undefined,
    labels: options?.Labels,
    driver:
      driver?.Name === undefined || driver.Name === ''
        ? undefined
        : { name: driver.Name, options: driver.Options ?? {} },
    subpath: options?.Subpath === '' ? undefined : options?.Subpath,
  });
}

function compileTmpfs(mount: MountDocument, field: string): Mount {
  if (mount.Source !== undefined && mount.Source !== '') {
    refuse(`${field}.Source`, 'a tmpfs has no source');
  }
  const options = mount.TmpfsOptions;
  if (options?.Options !== undefined && options.Options.length > 0) {
    refuseUnsupported(`${field}.TmpfsOptions.Options`, 'further tmpfs options are');
  }
  if (options?.SizeBytes !== undefined && options.SizeBytes < 0) {
    refuse(`${field}.TmpfsOptions.SizeBytes`, `must not be negative, not ${options.SizeBytes}`);
  }
  return defined({
    type: 'tmpfs' as const,
    target: mount.Target ?? '',
    readOnly: mount.ReadOnly ?? false,
    sizeBytes: options?.SizeBytes === 0 ? undefined : options?.SizeBytes,
    mode: options?.Mode === 0 ? undefined : options?.Mode,
  });
}
