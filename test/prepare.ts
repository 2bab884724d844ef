import { testImages, upstreamVotingAppImages } from '../tools/images/catalog.ts';
import { ensureImages } from '../tools/images/ensure-images.ts';

/** Gives the engine of the tests the images that they use, before the tests lose the network. */
const engineSocket = process.env['TUTTI_TEST_ENGINE'];
if (engineSocket === undefined) throw new Error('TUTTI_TEST_ENGINE does not name an engine');
await ensureImages({
  engineSocket,
  images: [...testImages, ...upstreamVotingAppImages],
  report: (line) => process.stdout.write(`${line}\n`),
});
