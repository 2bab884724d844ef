/** `node tools/images/main.ts [--engine SOCKET] [--remove] [demo|upstream|test …]` */
import { parseArgs } from 'node:util';
import { TuttiError } from '../../src/lib/error.ts';
import { testImages, upstreamVotingAppImages, votingAppImages } from './catalog.ts';
import { ensureImages, removeImages } from './ensure-images.ts';

const groups = new Map([
  ['demo', votingAppImages],
  ['upstream', upstreamVotingAppImages],
  ['test', testImages],
]);

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      engine: { type: 'string', default: '/var/run/docker.sock' },
      remove: { type: 'boolean', default: false },
    },
  });
  const names = positionals.length === 0 ? ['demo'] : positionals;
  const images = names.flatMap((name) => groupOf(name));
  const report = (line: string) => console.log(line);
  const options = { engineSocket: values.engine, images, report };
  if (values.remove) {
    await removeImages(options);
  } else {
    for (const { tag, outcome } of await ensureImages(options)) console.log(`${tag}: ${outcome}`);
  }
} catch (reason) {
  const { message, hint } = TuttiError.from(reason);
  console.error(hint === undefined ? message : `${message} ${hint}`);
  process.exitCode = 1;
}

function groupOf(name: string) {
  const group = groups.get(name);
  if (group !== undefined) return group;
  throw new TuttiError('invalid-argument', `"${name}" is no group of images.`, {
    hint: `Known are ${[...groups.keys()].join(', ')}.`,
  });
}
