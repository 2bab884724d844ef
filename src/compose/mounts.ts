import type { Mount } from '../model/template.ts';
import type { Field } from './field.ts';
import { type Scope, scopedName } from './scope.ts';

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

function tmpfsMount(text: string, field: Field): Mount {
  const [target = '', options = ''] = text.split(':');
  const pairs = new Map(
    options.split(',').map((option) => {
      const [key = '', value = ''] = option.split('=');
      return [key, value] as const;
    }),
  );
  const size = pairs.get('size');
  const mode = pairs.get('mode');
  const sizeBytes = size === undefined ? undefined : Number.parseInt(size, 10);
  if (!target.startsWith('/')) field.fail(`expected an absolute path, found "${target}"`);
  return {
    type: 'tmpfs',
    target,
    readOnly: pairs.has('ro'),
    ...(sizeBytes !== undefined && Number.isFinite(sizeBytes) && { sizeBytes }),
    ...(mode !== undefined && { mode: Number.parseInt(mode, 8) }),
  };
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
    return field.fail(
      `the volume "${mount.source}" is not declared; add it under the top-level "volumes"`,
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
  bind.at('selinux');
  bind.at('recursive');
  bind.refuseUnknown();
  const noCopy = volume.at('nocopy').boolean() ?? false;
  const subpath = volume.at('subpath').string();
  volume.at('labels');
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
