// Plain JavaScript: runs on the Node that the machine has, before anything is installed.
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { withProgress } from './progress.mjs';
import { lastLines, runProgram } from './run.mjs';

/** Debian's hook: a package asks it before it starts a service, and 101 says no. */
const servicePolicyFile = '/usr/sbin/policy-rc.d';

/** Whether `command` is a program on the path or in the system directories. */
export function findCommand(command) {
  const directories = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin`.split(
    ':',
  );
  for (const directory of directories) {
    if (directory === '' || directory.includes('node_modules')) continue;
    const file = `${directory}/${command}`;
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this directory; the next one may have it.
    }
  }
  return undefined;
}

/**
 * Installs packages of the distribution without starting any service that they bring.
 *
 * @param {readonly string[]} packages
 * @param {string} purpose What they are for, to be named in messages.
 * @throws {Error} with a sentence for people when the machine does not allow it.
 */
export async function installPackages(packages, purpose) {
  const list = packages.join(' ');
  if (findCommand('apt-get') === undefined) {
    throw new Error(
      `${purpose} needs ${list}, and this machine has no apt-get. ` +
        'Install them yourself, or use Debian or Ubuntu.',
    );
  }
  if (process.getuid?.() !== 0) {
    throw new Error(
      `${purpose} needs ${list}. Run this command as root, or install it first: ` +
        `sudo apt-get install --no-install-recommends ${list}`,
    );
  }
  await withProgress(`Installing ${list} (${purpose})`, async () => {
    const addedPolicy = refuseServices();
    try {
      // The lists of a fresh machine are empty or old: they are fetched when the first try fails.
      let result = await aptGet(['install', ...packages]);
      if (result.code !== 0) {
        const update = await aptGet(['update']);
        result = await aptGet(['install', ...packages]);
        if (result.code !== 0) throw aptError(list, `${update.output}\n${result.output}`);
      }
    } finally {
      if (addedPolicy) rmSync(servicePolicyFile, { force: true });
    }
  });
}

function aptGet([action, ...packages]) {
  const options = [
    '-y',
    '--no-install-recommends',
    '-o',
    'DPkg::Lock::Timeout=120',
    '-o',
    'Dpkg::Use-Pty=0',
    '-o',
    'Dpkg::Options::=--force-confold',
  ];
  return runProgram('apt-get', [action, ...options, ...packages], {
    env: {
      ...process.env,
      DEBIAN_FRONTEND: 'noninteractive',
      NEEDRESTART_SUSPEND: '1',
      LC_ALL: 'C',
    },
  });
}

/** Returns whether a policy was added, which the caller then removes again. */
function refuseServices() {
  if (existsSync(servicePolicyFile)) return false;
  writeFileSync(servicePolicyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return true;
}

function aptError(list, output) {
  return new Error(
    `apt-get could not install ${list}. It needs the distribution's package mirror: check the ` +
      `network and /etc/apt/sources.list. apt-get said:\n${lastLines(output)}`,
  );
}
