import type { TaskTemplateSpec } from './template.ts';

/**
 * What a task keeps on its node, in words: a task elsewhere does not find it there. Volumes of
 * other drivers, or with options for theirs, may be the same everywhere; anonymous ones are lost
 * with their task in any case, and a directory that is only read is no data of the task's own.
 */
export function localData(template: TaskTemplateSpec): readonly string[] {
  const found = new Set<string>();
  for (const { mounts } of template.containers) {
    for (const mount of mounts) {
      if (mount.type === 'bind' && !mount.readOnly) found.add(`directory ${mount.source}`);
      if (mount.type !== 'volume' || mount.source === undefined) continue;
      const { name = 'local', options = {} } = mount.driver ?? {};
      if (name === 'local' && Object.keys(options).length === 0)
        found.add(`volume ${mount.source}`);
    }
  }
  return [...found];
}
