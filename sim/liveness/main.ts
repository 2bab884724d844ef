import { argv, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { leaseTerms } from '../../src/liveness/terms.ts';
import { type DrawnLink, drawLife } from './drawn-link.ts';

/**
 * `--hours N` of virtual time on each link: how often a node is misjudged, how late a cut is seen.
 * `--deaf MS`: how long nodes wait for an answer before they say that they hear nobody.
 */
const { values } = parseArgs({
  args: argv.slice(2),
  options: { hours: { type: 'string', default: '20' }, deaf: { type: 'string' } },
});

const quiet: DrawnLink = {
  lossChance: 0,
  lossRunMs: 0,
  delayMs: 1,
  jitterMs: 0,
  stallMs: 0,
  betweenStallsMs: 0,
  cutEveryMs: 0,
  deafens: false,
};
const cuts = { cutEveryMs: 60_000 };

const links: readonly (readonly [string, DrawnLink])[] = [
  ['quiet', quiet],
  ['10 % loss', { ...quiet, lossChance: 0.1 }],
  ['10 % loss in runs of 200 ms', { ...quiet, lossChance: 0.1, lossRunMs: 200 }],
  ['30 % loss', { ...quiet, lossChance: 0.3 }],
  ['10 % loss in runs of 500 ms', { ...quiet, lossChance: 0.1, lossRunMs: 500 }],
  ['jitter of 400 ms', { ...quiet, jitterMs: 400 }],
  ['manager stalls for 1 s, 10 ms between', { ...quiet, stallMs: 1_000, betweenStallsMs: 10 }],
  ['manager stalls for 5 s, 10 ms between', { ...quiet, stallMs: 5_000, betweenStallsMs: 10 }],
  [
    '10 % loss, jitter, manager stalls for 1 s',
    { ...quiet, lossChance: 0.1, jitterMs: 200, stallMs: 1_000, betweenStallsMs: 10 },
  ],
  ['cuts', { ...quiet, ...cuts }],
  ['cuts, 10 % loss', { ...quiet, ...cuts, lossChance: 0.1 }],
  ['cuts one way', { ...quiet, ...cuts, deafens: true }],
  ['cuts one way, 10 % loss', { ...quiet, ...cuts, deafens: true, lossChance: 0.1 }],
  ['cuts, jitter of 400 ms', { ...quiet, ...cuts, jitterMs: 400 }],
];

const durationMs = Number(values.hours) * 3_600_000;
const deaf = values.deaf === undefined ? {} : { deafAfterMs: Number(values.deaf) };
for (const [name, link] of links) {
  const life = drawLife(link, { terms: leaseTerms, durationMs, seed: 1, ...deaf });
  const noticed = life.noticedAfterMs.toSorted((left, right) => left - right);
  const shown = [
    `${life.falselySilent} times silent`,
    `${life.falselyDown} times down`,
    `${life.falselyDeaf} times deaf`,
    `${(life.datagrams / (durationMs / 1_000)).toFixed(2)} datagrams/s`,
    ...(noticed.length === 0
      ? []
      : [
          `${noticed.length} cuts seen after ${noticed[Math.floor(noticed.length / 2)]} ms (p50), ` +
            `${noticed.at(-1)} ms (most)`,
          `${life.fencedTooLate} fenced too late`,
        ]),
  ];
  stdout.write(`${name}: ${shown.join(', ')}\n`);
}
