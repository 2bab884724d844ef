import { accessSync, constants } from 'node:fs';
import { runProgram } from '../bootstrap/run.mjs';

/** A docker command of this machine. */
export interface DockerClient {
  readonly path: string;
  /** Such as `28.2.2`. */
  readonly version: string;
}

const usualPaths = ['/usr/local/bin/docker', '/usr/bin/docker'];

/** The docker commands in the usual places, the newest first: tests use each of them. */
export async function findDockerClients(): Promise<readonly DockerClient[]> {
  const found = await Promise.all(usualPaths.filter(isProgram).map(askVersion));
  return found
    .flat()
    .toSorted((a, b) => b.version.localeCompare(a.version, 'en', { numeric: true }));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function askVersion(path: string): Promise<readonly DockerClient[]> {
  const { output } = await runProgram(path, ['--version']);
  const version = /version (\d+\.\d+\.\d+)/.exec(output)?.[1];
  return version === undefined ? [] : [{ path, version }];
}
