import { accessSync, constants, lstatSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { TuttiError } from '../lib/error.ts';
import type { DaemonOptions } from './program-host.ts';

const unixScheme = 'unix://';
/** Of the path of a Unix socket (unix(7)), without the byte that ends it. */
const longestSocketPath = 107;

/**
 * Settings of the daemon as it can use them; makes the data directory.
 *
 * @throws TuttiError `invalid-argument` naming the option.
 */
export function checkDaemonOptions(options: DaemonOptions): DaemonOptions {
  const socket = socketPath(options.socket, '--socket');
  checkPlace(socket);
  const containerEngine = socketPath(options.containerEngine, '--container-engine');
  return { ...options, socket, containerEngine, dataDir: dataDirectory(options.dataDir) };
}

function socketPath(given: string, field: string): string {
  const path = given.startsWith(unixScheme) ? given.slice(unixScheme.length) : given;
  if (!path.startsWith('/')) {
    throw wrong(field, `expected an absolute path, or unix:///PATH, found "${given}"`);
  }
  if (Buffer.byteLength(path) > longestSocketPath) {
    throw wrong(field, `a socket's path has at most ${longestSocketPath} bytes, found "${path}"`);
  }
  return path;
}

/** What stands there and is no socket is somebody's, and must not be replaced. */
function checkPlace(socket: string): void {
  const found = lstatSync(socket, { throwIfNoEntry: false });
  if (found !== undefined && !found.isSocket()) {
    throw wrong('--socket', `"${socket}" is there already and no socket; choose another path`);
  }
  const directory = dirname(socket);
  try {
    accessSync(directory, constants.W_OK);
  } catch (error) {
    throw wrong('--socket', `${codeOf(error)}: cannot write to the directory "${directory}"`);
  }
}

function dataDirectory(given: string): string {
  if (given === '') throw wrong('--data-dir', 'expected a directory, found ""');
  const path = resolve(given);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw wrong('--data-dir', `${codeOf(error)}: cannot make or write to "${path}"`);
  }
  return path;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function wrong(field: string, message: string): TuttiError {
  return new TuttiError('invalid-argument', `${field}: ${message}`, {
    field,
    hint: 'tutti daemon --help shows an example.',
  });
}
