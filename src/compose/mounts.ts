import type { Mount } from '../model/template.ts';
import type { Field } from './field.ts';
import { type Scope, scopedName } from './scope.ts';
import { parseByteSize } from './units.ts';

/** Reads `volumes` and `tmpfs` of a service (compose-spec "volumes", short and long form). */
export function readMounts(service: Field, scope: Scope): readonly Mount[] {
  const volumes = service.at('volumes');
  const mounts = volumes.absent
    ? []
    : volumes.items().flatMap((item) => {
        const mount = item.isMapping ? longMount(item, scope) : shortMount(item, scope);
        return mount === undefined ? [] : [mount];
      });
  const tmpfs = service.at('tmpfs');
  const tmpfsMounts = tmpfs.absent ? [] : tmpfs.strings().map((text) => tmpfsMount(text, tmpfs));
  return [...mounts, ...tmpfsMounts];
}

const tmpfsFlags = new Set(['rw', 'ro', '']);

function tmpfsMount(text: string, field: Field): Mount {
  const [target = '', options = ''] = text.split(':');
  let sizeBytes: number | undefined;
  let mode: number | undefined;
  let readOnly = false;
  for (const option of options.split(',')) {
    const [key = '', value = ''] = option.split('=');
    if (key === 'ro') readOnly = true;
    if (key === 'size') sizeBytes = parseByteSize(value) ?? wrongSize(field, value);
    else if (key === 'mode') mode = Number.parseInt(value, 8);
    else if (!tmpfsFlags.has(key)) {
      field.findings.warn(field.path, `ignored: the option "${option}" of ${target}`);
    }
  }
  if (!target.startsWith('/')) field.fail(`expected an absolute path, found "${target}"`);
  if (Number.isNaN(mode)) field.fail(`expected an octal mode such as mode=1777, found "${text}"`);
  return {
    type: 'tmpfs',
    target,
    readOnly,
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(mode !== undefined && { mode }),
  };
}

function wrongSize(field: Field, value: string): undefined {
  return field.fail(`expected a size such as size=64m, found "${value}"`);
}

function shortMount(field: Field, scope: Scope): Mount | undefined {
  const text = field.string();
  if (text === undefined) return undefined;
  const parts = text.split(':');
  if (parts.length === 1) return { type: 'volume', target: text, readOnly: false };
  const [source = '', target = '', options = ''] = parts;
  if (parts.length > 3 || !target.startsWith('/')) {
    return field.fail(`expected SOURCE:/path/in/container[:ro], found "${text}"`);
  }
  const flags = options.split(',').filter((flag) => flag !== '');
  const readOnly = flags.includes('ro');
  warnAboutFlags(field, flags);
  if (isPath(source)) {
    const propagation = flags.find((flag) => /^r?(shared|slave|private)$/.test(flag));
    return {
      type: 'bind',
      source: hostPath(source, scope),
      target,
      readOnly,
      createHostPath: true,
      ...(propagation !== undefined && { propagation }),
    };
  }
  const noCopy = flags.includes('nocopy');
  return namedVolume(field, { source, target, readOnly, scope, noCopy });
}

/** They mean something to other systems; a mount is the same with and without. */
const quietFlags = new Set(['rw', 'ro', 'nocopy', 'cached', 'delegated', 'consistent']);

function warnAboutFlags(field: Field, flags: readonly string[]): void {
  for (const flag of flags) {
    if (quietFlags.has(flag) || /^r?(shared|slave|private)$/.test(flag)) continue;
    if (flag === 'z' || flag === 'Z') {
      field.findings.warn(field.path, `ignored: ${flag} labels nothing; SELinux is not set up`);
    } else field.fail(`expected ro, rw, nocopy or a propagation, found "${flag}"`);
  }
}

function isPath(source: string): boolean {
  return source.startsWith('/') || source.startsWith('.') || source.startsWith('~');
}

function hostPath(source: string, scope: Scope): string {
  const home = scope.environment['HOME'] ?? '/root';
  const expanded = source.startsWith('~') ? `${home}${source.slice(1)}` : source;
  return scope.files.resolve(scope.directory, expanded);
}

function namedVolume(
  field: Field,
  mount: {
    readonly source: string;
    readonly target: string;
    readonly readOnly: boolean;
    readonly noCopy: boolean;
    readonly subpath?: string | undefined;
    readonly scope: Scope;
  },
): Mount | undefined {
  const volume = mount.scope.volumes.get(mount.source);
  if (volume === undefined) {
    const { source } = mount;
    if (source === '') return field.fail('the volume has no name before the ":"');
    const path = source.includes('/') ? `, or write "./${source}" for a path` : '';
    return field.fail(
      `the volume "${source}" is not declared; add it under the top-level "volumes"${path}`,
    );
  }
  const hasDriver = volume.driver !== undefined || Object.keys(volume.driverOptions).length > 0;
  return {
    type: 'volume',
    source: volume.name,
    target: mount.target,
    readOnly: mount.readOnly,
    ...(mount.noCopy && { noCopy: true }),
    ...(mount.subpath !== undefined && { subpath: mount.subpath }),
    ...(!volume.external && { labels: volume.labels }),
    ...(!volume.external &&
      hasDriver && { driver: { name: volume.driver ?? 'local', options: volume.driverOptions } }),
  };
}

function longMount(field: Field, scope: Scope): Mount | undefined {
  const type = field.at('type').oneOf(['volume', 'bind', 'tmpfs'] as const);
  const source = field.at('source').string();
  const target = field.at('target').string();
  const readOnly = field.at('read_only').boolean() ?? false;
  const bind = field.at('bind');
  const volume = field.at('volume');
  const tmpfs = field.at('tmpfs');
  field.at('consistency');
  const propagation = bind.at('propagation').string();
  const createHostPath = bind.at('create_host_path').boolean() ?? true;
  const recursive = bind.at('recursive').string();
  bind.at('selinux').warnIgnored('SELinux is not set up');
  bind.refuseUnknown();
  const noCopy = volume.at('nocopy').boolean() ?? false;
  const subpath = volume.at('subpath').string();
  volume.at('labels').warnIgnored('label the volume under the top-level "volumes"');
  volume.refuseUnknown();
  const sizeBytes = tmpfs.at('size').bytes();
  const mode = tmpfs.at('mode').integer({ min: 0, max: 0o7777 });
  tmpfs.refuseUnknown();
  field.refuseUnknown();
  if (target === undefined) return field.fail('a mount needs "target", the path in the container');
  switch (type) {
    case undefined:
      return field.at('type').absent ? field.fail('a mount needs "type"') : undefined;
    case 'tmpfs':
      return {
        type,
        target,
        readOnly,
        ...(sizeBytes !== undefined && { sizeBytes }),
        ...(mode !== undefined && { mode }),
      };
    case 'bind': {
      if (source === undefined)
        return field.fail('a bind mount needs "source", the path on the host');
      return {
        type,
        source: hostPath(source, scope),
        target,
        readOnly,
        createHostPath,
        ...(recursive === 'disabled' && { nonRecursive: true }),
        ...(propagation !== undefined && { propagation }),
      };
    }
    case 'volume':
      if (source === undefined) return { type, target, readOnly };
      return namedVolume(field, { source, target, readOnly, noCopy, subpath, scope });
  }
}

/** Reads the top-level `volumes`. */
export function readVolumes(root: Field, stack: string): Scope['volumes'] {
  const volumes = root.at('volumes');
  if (volumes.absent) return new Map();
  return new Map(
    volumes.members().map(([key, field]) => {
      const external = field.at('external');
      const isExternal = external.isMapping || external.boolean() === true;
      const oldName = external.isMapping ? external.at('name').string() : undefined;
      const named = field.at('name').string() ?? oldName;
      const name = named ?? (isExternal ? key : scopedName(stack, key));
      const driver = field.at('driver').string();
      const options = field.at('driver_opts');
      const labels = field.at('labels');
      const declared = labels.absent ? {} : labels.labels();
      field.refuseUnknown();
      return [
        key,
        {
          name,
          external: isExternal,
          labels: { ...declared, 'com.docker.stack.namespace': stack },
          driverOptions: options.absent ? {} : options.labels(),
          ...(driver !== undefined && { driver }),
        },
      ] as const;
    }),
  );
}
