import { execFileSync } from 'node:child_process';
import { arch, cpus, release, totalmem } from 'node:os';
import { versions } from 'node:process';

/** Where figures were taken: without it they say nothing. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly kernel: string;
  readonly architecture: string;
  readonly node: string;
  readonly sqlite: string;
  readonly fileSystem: string;
  readonly commit: string;
}

/** Describes the machine, and the file system of a directory. */
export function describeMachine(directory: string): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGigabytes: Math.round(totalmem() / 1e9),
    kernel: release(),
    architecture: arch(),
    node: versions.node,
    sqlite: versions['sqlite'] ?? 'unknown',
    fileSystem: output('findmnt', ['--noheadings', '--output', 'FSTYPE', '--target', directory]),
    commit: output('git', ['rev-parse', '--short', 'HEAD']),
  };
}

function output(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8' }).trim();
}
