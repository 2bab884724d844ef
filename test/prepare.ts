import { join } from 'node:path';
import { awaitLock } from '../tools/engine/lock.ts';
import { testImages, upstreamVotingAppImages, votingAppImages } from '../tools/images/catalog.ts';
import { ensureImages } from '../tools/images/ensure-images.ts';
import { repositoryRoot } from '../tools/root.ts';
import { ensureBrowser } from './voting-app/ensure-browser.ts';

/** Fetches what the tests use, images first, before they lose the network. */
const report = (line: string) => void process.stdout.write(`${line}\n`);
const engineSocket = process.env['TUTTI_TEST_ENGINE'];
if (engineSocket === undefined) throw new Error('TUTTI_TEST_ENGINE does not name an engine');
// What one makes is ready for the others that prepare a host at the same time.
using _lock = await awaitLock(join(repositoryRoot, '.cache/prepare.lock'));
await ensureImages({
  engineSocket,
  images: [...testImages, ...votingAppImages, ...upstreamVotingAppImages],
  report,
});
await ensureBrowser();
