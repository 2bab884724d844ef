/*
 * Holds the spans of one host, as an agent does, and obeys lines of its standard input: `show
 * SPANS` (JSON, the remotes as pairs), `recheck`, `remove`. After each it says how often it found
 * drift.
 */
import { createInterface } from 'node:readline';
import { Spans } from '../../src/agent/spans.ts';
import { LinuxSpanDevices } from '../../src/os/span-devices.ts';
import type { Span } from '../../src/overlay/spans.ts';

const quiet = () => undefined;
const warn = (message: string, fields?: object) =>
  void process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
const logger = { debug: quiet, info: quiet, warn, error: warn };
const spans = new Spans({ devices: new LinuxSpanDevices(), logger });

for await (const line of createInterface({ input: process.stdin })) {
  const [verb = '', ...rest] = line.split(' ');
  if (verb === 'show') {
    const given = JSON.parse(rest.join(' ')) as readonly (Omit<Span, 'remotes'> & {
      readonly remotes: readonly (readonly [string, string])[];
    })[];
    await spans.show(given.map((span) => ({ ...span, remotes: new Map(span.remotes) })));
  }
  if (verb === 'recheck') await spans.recheck();
  if (verb === 'remove') await spans.remove();
  process.stdout.write(`${spans.driftCount}\n`);
}
