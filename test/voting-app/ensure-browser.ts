import { readFileSync } from 'node:fs';
import { findCommand, installPackages } from '../../tools/bootstrap/apt.mjs';
import { findBrowser } from './browser.ts';

/**
 * Installs the distribution's Chromium where there is none. Ubuntu's package is only a pointer to a
 * snap, which containers and build machines cannot install: there, and where there is no apt-get,
 * the test in a browser is skipped, and named among those that were not run.
 *
 * @throws {Error} with a sentence for people when it could not be installed.
 */
export async function ensureBrowser(): Promise<void> {
  if (findBrowser() !== undefined) return;
  if (findCommand('apt-get') === undefined) return;
  if (/^ID=ubuntu$/m.test(readFileSync('/etc/os-release', 'utf8'))) return;
  await installPackages(['chromium'], 'the test in a browser');
}
