import { stackLabel } from '../model/labels.ts';
import type { DataSpec } from '../model/secret.ts';
import type { FileReference } from '../model/template.ts';
import { TuttiError } from '../lib/error.ts';
import type { Field } from './field.ts';
import { type Scope, scopedName } from './scope.ts';

export interface StackData {
  readonly names: ReadonlyMap<string, string>;
  readonly objects: readonly { readonly spec: DataSpec; readonly data: string }[];
}

type DataScope = Pick<Scope, 'stack' | 'files' | 'directory' | 'environment'>;

/** Reads the top-level `secrets` or `configs`, with the content of files and variables. */
export async function readData(field: Field, scope: DataScope): Promise<StackData> {
  const names = new Map<string, string>();
  const objects: { readonly spec: DataSpec; readonly data: string }[] = [];
  if (field.absent) return { names, objects };
  for (const [key, member] of field.members()) {
    const external = member.at('external');
    const isExternal = external.isMapping || external.boolean() === true;
    const oldName = external.isMapping ? external.at('name').string() : undefined;
    const named = member.at('name').string() ?? oldName;
    const name = named ?? (isExternal ? key : scopedName(scope.stack, key));
    names.set(key, name);
    const content = isExternal ? undefined : await contentOf(member, scope);
    const labels = member.at('labels');
    const declared = labels.absent ? {} : labels.labels();
    for (const name of ['driver', 'driver_opts']) {
      const given = member.at(name);
      if (!given.absent) given.fail('contents come from the document; leave the driver out');
    }
    const templating = member.at('template_driver').string();
    member.refuseUnknown();
    if (content === undefined) continue;
    const spec: DataSpec = {
      name,
      labels: { ...declared, [stackLabel]: scope.stack },
      ...(templating !== undefined && { templating: { name: templating, options: {} } }),
    };
    objects.push({ spec, data: encodeBase64(content) });
  }
  return { names, objects };
}

async function contentOf(member: Field, scope: DataScope): Promise<Uint8Array | undefined> {
  const file = member.at('file').string();
  const content = member.at('content').string();
  const variable = member.at('environment').string();
  if (file !== undefined) {
    const path = scope.files.resolve(scope.directory, file);
    try {
      return await scope.files.read(path);
    } catch (error) {
      return member.at('file').fail(TuttiError.from(error).message);
    }
  }
  if (content !== undefined) return new TextEncoder().encode(content);
  if (variable !== undefined) {
    const value = scope.environment[variable];
    if (value === undefined) {
      return member.at('environment').fail(`the variable ${variable} is not set`);
    }
    return new TextEncoder().encode(value);
  }
  return member.fail('expected one of "file", "content", "environment" or "external: true"');
}

function encodeBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Reads a service's `secrets` or `configs`, short and long form. */
export function readReferences(
  field: Field,
  options: { readonly kind: 'secret' | 'config'; readonly names: ReadonlyMap<string, string> },
): readonly FileReference[] {
  if (field.absent) return [];
  return field.items().flatMap((item) => {
    const key = item.isMapping ? item.at('source').string() : item.string();
    if (key === undefined) return [];
    const sourceName = options.names.get(key);
    if (sourceName === undefined) {
      item.fail(`the ${options.kind} "${key}" is not declared; add it at the top level`);
      return [];
    }
    const target = item.isMapping ? item.at('target').string() : undefined;
    const reference: FileReference = {
      sourceId: sourceName,
      sourceName,
      target: target ?? (options.kind === 'secret' ? key : `/${key}`),
      uid: (item.isMapping ? item.at('uid').string() : undefined) ?? '0',
      gid: (item.isMapping ? item.at('gid').string() : undefined) ?? '0',
      mode: (item.isMapping ? readMode(item.at('mode')) : undefined) ?? 0o444,
    };
    if (item.isMapping) item.refuseUnknown();
    return [reference];
  });
}

function readMode(field: Field): number | undefined {
  if (field.absent) return undefined;
  if (typeof field.value === 'string') {
    const mode = Number.parseInt(field.value, 8);
    return /^0?o?[0-7]{3,4}$/.test(field.value)
      ? Number.parseInt(field.value.replace('o', ''), 8)
      : Number.isNaN(mode)
        ? field.fail(`expected an octal file mode such as "0440", found "${field.value}"`)
        : mode;
  }
  return field.integer({ min: 0, max: 0o7777 });
}
