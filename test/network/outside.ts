import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expectRun } from './expect-run.ts';

/** The network between this host and the one outside. */
const outsideSubnet = '192.168.77.0/24';
export const hostAddress = '192.168.77.1';
export const outsideAddress = '192.168.77.2';
/** A second nameserver, which only one service is told of. */
export const otherNameserver = '192.168.77.3';
export const searchDomain = 'outside.test';

const namespace = 'tutti-outside';
/** Where only the route leads; no network may be made there. */
export const routedSubnet = '10.0.2.0/24';

/**
 * Another host beside this one: a network namespace behind a pair of virtual devices, with two
 * nameservers, the first of which this host asks too.
 */
export class Outside implements AsyncDisposable {
  /** `ADDRESS TYPE NAME` of each query. */
  readonly queries: string[] = [];
  readonly #children: ReturnType<typeof spawn>[] = [];

  static async start(): Promise<Outside> {
    const outside = new Outside();
    await addNamespace();
    await outside.#run(['name-server.ts', outsideAddress, otherNameserver], ' is up');
    await outside.#run(['task.ts'], '');
    return outside;
  }

  /** Makes this host ask the nameserver outside, as it finds its resolvers. */
  static async useNameserver(directory: string): Promise<void> {
    const file = join(directory, 'resolv.conf');
    await writeFile(file, `search ${searchDomain}\nnameserver ${outsideAddress}\n`);
    await expectRun('mount', '--bind', file, '/etc/resolv.conf');
  }

  async #run([file = '', ...parameters]: readonly string[], ready: string): Promise<void> {
    const child = spawn(
      'ip',
      [
        'netns',
        'exec',
        namespace,
        process.execPath,
        join(import.meta.dirname, file),
        ...parameters,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    this.#children.push(child);
    if (ready === '') return;
    const { promise, resolve } = Promise.withResolvers<void>();
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.endsWith(ready)) resolve();
      else this.queries.push(line);
    });
    await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await expectRun('umount', '/etc/resolv.conf');
    await expectRun('ip', 'netns', 'delete', namespace);
  }
}

async function addNamespace(): Promise<void> {
  const inside = ['-n', namespace];
  const [, prefix = ''] = outsideSubnet.split('/');
  await expectRun('ip', 'netns', 'add', namespace);
  await expectRun(
    'ip',
    'link',
    'add',
    'outside',
    'type',
    'veth',
    'peer',
    'way',
    'netns',
    namespace,
  );
  // An address of IPv6 would come seconds later, in the middle of something.
  await expectRun('ip', 'link', 'set', 'outside', 'addrgenmode', 'none');
  await expectRun('ip', 'address', 'add', `${hostAddress}/${prefix}`, 'dev', 'outside');
  await expectRun('ip', 'link', 'set', 'outside', 'up');
  for (const address of [outsideAddress, otherNameserver]) {
    await expectRun('ip', ...inside, 'address', 'add', `${address}/${prefix}`, 'dev', 'way');
  }
  await expectRun('ip', ...inside, 'link', 'set', 'way', 'up');
  await expectRun('ip', ...inside, 'link', 'set', 'lo', 'up');
  await expectRun('ip', ...inside, 'route', 'add', 'default', 'via', hostAddress);
  await expectRun('ip', 'route', 'add', 'default', 'via', outsideAddress);
  await expectRun('ip', 'route', 'add', routedSubnet, 'via', outsideAddress);
}
