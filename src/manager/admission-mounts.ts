import { unreachable } from '../lib/assert.ts';
import type { Mount } from '../model/template.ts';
import {
  checkLabels,
  checkNoNul,
  checkOneOf,
  checkText,
  checkWholeNumber,
  isTemplated,
  refuse,
  show,
} from './admission-check.ts';

const volumeName = /^[A-Za-z0-9][A-Za-z0-9_.-]+$/;
const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];

export function checkMounts(field: string, mounts: readonly Mount[]): void {
  mounts.forEach((mount, index) => {
    checkMount(`${field}[${index}]`, mount);
  });
  const seen = new Set<string>();
  for (const { target } of mounts) {
    const key = trimSlashes(target);
    if (seen.has(key)) {
      refuse(field, `duplicate mount point ${show(target)}; each target may be mounted once`);
    }
    seen.add(key);
  }
}

function checkMount(field: string, mount: Mount): void {
  checkTarget(field, mount.target);
  switch (mount.type) {
    case 'bind':
      if (!mount.source.startsWith('/')) {
        refuse(
          `${field}.source`,
          `the bind source ${show(mount.source)} is no absolute path on the node; give one`,
        );
      }
      checkNoNul(`${field}.source`, [mount.source]);
      checkOneOf(`${field}.propagation`, mount.propagation, propagations);
      return;
    case 'volume':
      checkVolume(field, mount);
      return;
    case 'tmpfs':
      checkWholeNumber(`${field}.sizeBytes`, mount.sizeBytes, { minimum: 0 });
      checkWholeNumber(`${field}.mode`, mount.mode, { minimum: 0, maximum: 0o7777 });
      return;
    default:
      unreachable(mount);
  }
}

function checkTarget(field: string, target: string): void {
  checkNoNul(`${field}.target`, [target]);
  if (!target.startsWith('/')) {
    refuse(`${field}.target`, `the mount target ${show(target)} is no absolute path; give one`);
  }
  if (trimSlashes(target) === '') {
    refuse(`${field}.target`, 'nothing can be mounted over "/"; name a directory below it');
  }
}

function checkVolume(field: string, mount: Extract<Mount, { type: 'volume' }>): void {
  const { source, subpath } = mount;
  if (source !== undefined && !isTemplated(source)) {
    checkText(`${field}.source`, source, {
      pattern: volumeName,
      expected:
        'a volume name has at least two of letters, digits, _, . and -; ' +
        'for a directory of the node use a bind mount',
    });
  }
  checkLabels(`${field}.labels`, mount.labels ?? {});
  if (subpath === undefined) return;
  if (subpath.startsWith('/') || subpath.split('/').includes('..')) {
    refuse(`${field}.subpath`, `the subpath ${show(subpath)} must stay inside the volume`);
  }
  refuse(`${field}.subpath`, `a part of a volume, ${show(subpath)}, cannot be mounted alone`, {
    code: 'unimplemented',
    hint: 'Mount the whole volume, or give the directory a volume of its own.',
  });
}

function trimSlashes(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}
