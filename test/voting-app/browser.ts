import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { findCommand } from '../../tools/bootstrap/apt.mjs';

const names = ['chromium', 'chromium-browser', 'google-chrome'];
/** A browser that asks nobody on the network for anything but the page. */
const parameters = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];
const changeLimitMs = 20_000;

/** The Chromium of this machine. */
export function findBrowser(): string | undefined {
  return names.map(findCommand).find((path) => path !== undefined);
}

/** The result page, open in a browser. */
export interface WatchedPage extends AsyncDisposable {
  /** The sum of all votes as it is shown. */
  readonly total: () => Promise<string>;
  readonly untilTotal: (text: string) => Promise<void>;
  /** How often the page was loaded since it was opened. */
  readonly loads: () => Promise<number>;
}

/** Opens the result page and waits until it follows the votes. */
export async function watchPage(executablePath: string, url: string): Promise<WatchedPage> {
  const directory = await mkdtemp(join(tmpdir(), 'tutti-browser-'));
  const context = await chromium.launchPersistentContext(directory, {
    executablePath,
    args: parameters,
    headless: true,
  });
  let loads = 0;
  const page = await context.newPage();
  page.on('load', () => {
    loads += 1;
  });
  await page.goto(url);
  const timeout = changeLimitMs;
  await page.locator('#state.live').waitFor({ timeout });
  const total = page.locator('#total');
  return {
    total: async () => (await total.textContent()) ?? '',
    untilTotal: async (text) => await total.and(page.getByText(text)).waitFor({ timeout }),
    loads: async () => loads,
    [Symbol.asyncDispose]: async () => {
      await context.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
