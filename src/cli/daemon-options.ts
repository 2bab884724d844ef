import { accessSync, constants, existsSync, lstatSync, mkdirSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { dirname, resolve } from 'node:path';
import { TuttiError } from '../lib/error.ts';
import type { DaemonOptions } from './program-host.ts';

const unixScheme = 'unix://';
/** Of the path of a Unix socket (unix(7)), without the byte that ends it. */
const longestSocketPath = 107;
/** Sockets with names of up to 25 bytes stand below it. */
const longestDataDirectory = 80;

/**
 * Settings of the daemon as it can use them; makes the data directory.
 *
 * @throws TuttiError `invalid-argument` naming the option.
 */
export function checkDaemonOptions(options: DaemonOptions): DaemonOptions {
  const socket = socketPath(options.socket, '--socket');
  checkPlace(socket);
  const containerEngine = socketPath(options.containerEngine, '--container-engine');
  checkAdvertised(options.advertiseAddr);
  return { ...options, socket, containerEngine, dataDir: dataDirectory(options.dataDir) };
}

/** Names are looked up by the daemon: interfaces may come later than it. */
function checkAdvertised(given: string | undefined): void {
  if (given === undefined || (given !== '' && !/^[\d.]+$/.test(given)) || isIPv4(given)) return;
  throw wrong(
    '--advertise-addr',
    `expected an IPv4 address such as 192.168.1.7, or an interface such as eth0, found "${given}"`,
  );
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
    checkDirectory(directory);
  } catch (error) {
    throw wrong('--socket', `cannot use the directory "${directory}": ${describe(error)}`);
  }
}

/** Makes it where it is not there. Throws as `checkDaemonOptions` does. */
export function dataDirectory(given: string): string {
  if (given === '') throw wrong('--data-dir', 'expected a directory, found ""');
  const path = resolve(given);
  if (Buffer.byteLength(path) > longestDataDirectory) {
    throw wrong(
      '--data-dir',
      `the path is too long for the sockets in it, more than ${longestDataDirectory} bytes: ` +
        `"${path}"`,
    );
  }
  try {
    makeDirectory(path);
    checkDirectory(path);
  } catch (error) {
    throw wrong('--data-dir', `cannot use "${path}": ${describe(error)}`);
  }
  return path;
}

/** One by one: `recursive` never ends where the kernel makes no directories, as in /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

function checkDirectory(path: string): void {
  // A path below a directory: what is a file is refused.
  accessSync(`${path}/.`, constants.W_OK);
}

const problems: Readonly<Record<string, string>> = {
  EACCES: 'you may not write there',
  EPERM: 'you may not write there',
  EROFS: 'it is read-only',
  ENOENT: 'it is not there and cannot be made',
  ENOTDIR: 'it is no directory',
};

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return problems[code] ?? String(error);
}

function wrong(field: string, message: string): TuttiError {
  return new TuttiError('invalid-argument', `${field}: ${message}`, {
    field,
    hint: 'tutti daemon --help shows an example.',
  });
}
