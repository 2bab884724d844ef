// Plain JavaScript: runs on the Node that the machine has, before anything is installed.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withProgress } from './progress.mjs';
import { lastLines, runProgram } from './run.mjs';

const installParameters = [
  'install',
  '--no-save',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
  // The lock file says what a package contains: a copy from earlier is as good as a new one.
  '--prefer-offline',
];
const networkErrors = /\b(EAI_AGAIN|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|ETIMEDOUT)\b/;

/**
 * Installs what the lock file of `directory` names, unless it is there already.
 * `npm ci` refuses lock files that were written where a platform's build was missing from the
 * registry, so this installs without saving and then compares every package with the lock file.
 *
 * @param {string} directory
 * @param {string} label
 * @throws {Error} with a sentence for people.
 */
export async function ensureDependencies(directory, label) {
  if (differencesFromLock(directory).length === 0) return;
  await withProgress(`Installing npm packages for ${label}`, () => install(directory));
}

async function install(directory) {
  const network = await checkRegistry(directory);
  // Without a network npm tries for more than ten minutes; from its cache it may still succeed.
  const parameters = network === 'absent' ? [...installParameters, '--offline'] : installParameters;
  const { code, output } = await npm(parameters, directory);
  const differences = differencesFromLock(directory);
  if (code === 0 && differences.length === 0) return;
  if (network === 'absent') {
    throw new Error(
      'The npm registry is out of reach, and npm has not all packages from earlier. ' +
        'Check the network, and HTTPS_PROXY where there is a proxy.',
    );
  }
  if (code !== 0) {
    throw new Error(
      `npm could not install the packages of ${directory}/package-lock.json. It said:\n` +
        lastLines(output),
    );
  }
  throw new Error(
    `npm reported success, yet ${directory}/node_modules is not what package-lock.json says:\n` +
      `${differences.join('\n')}\nRemove node_modules and try again.`,
  );
}

async function checkRegistry(directory) {
  const { code, output } = await npm(['ping', '--fetch-retries=0'], directory);
  // A registry that does not know this question is there all the same.
  return code !== 0 && networkErrors.test(output) ? 'absent' : 'present';
}

/** One line for each package of the lock file that this machine needs and that is not as locked. */
export function differencesFromLock(directory) {
  const locked = readJson(join(directory, 'package-lock.json')).packages;
  const hiddenLock = join(directory, 'node_modules/.package-lock.json');
  const installed = existsSync(hiddenLock) ? readJson(hiddenLock).packages : {};
  const differences = [];
  for (const path of neededPaths(locked)) {
    const difference = compare(join(directory, path), {
      locked: locked[path],
      installed: installed[path],
    });
    if (difference !== undefined) differences.push(`  ${path}: ${difference}`);
  }
  return differences;
}

/**
 * The paths of the lock file that are needed on this machine. A lock file also names what only the
 * builds for other platforms need, so the dependencies are followed from the root.
 */
function neededPaths(locked) {
  const needed = new Set();
  const queue = [''];
  for (const path of queue) {
    const { dependencies, devDependencies, optionalDependencies } = locked[path];
    const names = { ...dependencies, ...devDependencies, ...optionalDependencies };
    for (const name of Object.keys(names)) {
      const found = resolvePath(locked, path, name);
      if (found === undefined || needed.has(found) || !isForThisMachine(locked[found])) continue;
      needed.add(found);
      queue.push(found);
    }
  }
  return [...needed];
}

/** Where Node would find the package `name` from `path`: beside it, or further up. */
function resolvePath(locked, path, name) {
  for (let base = path; ; base = base.slice(0, Math.max(0, base.lastIndexOf('/node_modules/')))) {
    const candidate = base === '' ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    if (locked[candidate] !== undefined) return candidate;
    if (base === '') return undefined;
  }
}

function compare(directory, { locked, installed }) {
  const manifest = join(directory, 'package.json');
  if (!existsSync(manifest)) return `${locked.version} is missing`;
  const { version } = readJson(manifest);
  if (version !== locked.version) return `${version} is installed, ${locked.version} is locked`;
  if (installed?.integrity !== locked.integrity) return `${version} has another integrity`;
  return undefined;
}

function isForThisMachine(entry) {
  return (
    allows(entry.os, process.platform) &&
    allows(entry.cpu, process.arch) &&
    allows(entry.libc, 'glibc')
  );
}

/**
 * npm's `os`, `cpu` and `libc`: one name or a list of names, each of which may be negated by `!`.
 */
function allows(field, name) {
  const list = [field ?? []].flat();
  if (list.length === 0) return true;
  if (list.includes(`!${name}`)) return false;
  return list.includes(name) || list.every((entry) => entry.startsWith('!'));
}

function npm(parameters, directory) {
  // npm tells its scripts where it is; by hand, the one on the path is meant.
  const script = process.env.npm_execpath;
  if (script === undefined || !script.endsWith('.js')) {
    return runProgram('npm', parameters, { cwd: directory });
  }
  return runProgram(process.execPath, [script, ...parameters], { cwd: directory });
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
