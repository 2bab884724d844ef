import { readFileSync } from 'node:fs';
import { TuttiError } from '../../src/lib/error.ts';
import { installPackages } from '../../tools/bootstrap/apt.mjs';
import { findBrowser } from './browser.ts';

/**
 * Installs the distribution's Chromium where there is none. Ubuntu's package is only a pointer to a
 * snap, which containers and build machines cannot install: there the browser's test is skipped.
 */
export async function ensureBrowser(report: (line: string) => void): Promise<void> {
  if (findBrowser() !== undefined) return;
  if (/^ID=ubuntu$/m.test(readFileSync('/etc/os-release', 'utf8'))) {
    report('Ubuntu has no package of Chromium: the test in a browser is skipped.');
    return;
  }
  try {
    await installPackages(['chromium'], 'the test in a browser');
  } catch (error) {
    report(`The test in a browser is skipped: ${TuttiError.from(error).message}`);
  }
}
