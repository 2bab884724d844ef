import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { NetworkDevices } from '../host/network-devices.ts';
import { TuttiError } from '../lib/error.ts';

const run = promisify(execFile);
const bridgeFilterPath = '/proc/sys/net/bridge/bridge-nf-call-iptables';
const engineChain = 'DOCKER-USER';

interface Mark {
  readonly value: number;
  readonly mask: number;
}

/** `nft`, `ip`, `iptables` and `/sys` of this machine. */
export class LinuxNetworkDevices implements NetworkDevices {
  /** Addresses that this process gave to each bridge. */
  readonly #given = new Map<string, ReadonlySet<string>>();

  async loadRules(script: string): Promise<void> {
    await feed('nft', ['-f', '-'], script);
  }

  async readRules(table: string): Promise<string | undefined> {
    try {
      const { stdout } = await run('nft', ['-s', 'list', 'table', ...table.split(' ')]);
      return stdout;
    } catch (error) {
      if (String(error).includes('No such file')) return undefined;
      throw toError('nft list', error);
    }
  }

  async removeRules(table: string): Promise<void> {
    await this.loadRules(`add table ${table}\ndelete table ${table}\n`);
  }

  async setAddresses(bridge: string, addresses: readonly string[]): Promise<void> {
    const wanted = new Set(addresses);
    const given = this.#given.get(bridge) ?? (await readVirtualAddresses(bridge));
    const lines = [
      ...[...given]
        .filter((one) => !wanted.has(one))
        .map((one) => `address del ${one}/32 dev ${bridge}`),
      ...[...wanted]
        .filter((one) => !given.has(one))
        .map((one) => `address replace ${one}/32 dev ${bridge}`),
    ];
    if (lines.length > 0) await feed('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
    this.#given.set(bridge, wanted);
  }

  async allowHairpin(bridge: string): Promise<void> {
    const ports = `/sys/class/net/${bridge}/brif`;
    const names = await readdir(ports).catch(() => []);
    await Promise.all(
      names.map((name) =>
        // A port may go while we look at it; then it needs nothing any more.
        writeFile(`${ports}/${name}/hairpin_mode`, '1').catch(() => undefined),
      ),
    );
  }

  async acceptMarked(mark: Mark): Promise<void> {
    const rule = markRule(mark);
    if (await succeeds('iptables', ['-w', '-C', engineChain, ...rule])) return;
    if (!(await succeeds('iptables', ['-w', '-n', '-L', engineChain]))) {
      await run('iptables', ['-w', '-N', engineChain]).catch(() => undefined);
    }
    await run('iptables', ['-w', '-I', engineChain, '1', ...rule]).catch((error: unknown) => {
      throw toError(`iptables -I ${engineChain}`, error);
    });
  }

  async refuseMarked(mark: Mark): Promise<void> {
    const rule = markRule(mark);
    while (await succeeds('iptables', ['-w', '-C', engineChain, ...rule])) {
      await run('iptables', ['-w', '-D', engineChain, ...rule]);
    }
  }

  async filterBridges(): Promise<void> {
    await run('modprobe', ['br_netfilter']).catch(() => undefined);
    const value = await readFile(bridgeFilterPath, 'utf8').catch(() => undefined);
    if (value === undefined) {
      throw new TuttiError(
        'failed-precondition',
        'the kernel module br_netfilter is missing, which virtual addresses need',
        { hint: 'Load it with `modprobe br_netfilter`.' },
      );
    }
    if (value.trim() !== '1') await writeFile(bridgeFilterPath, '1');
  }
}

/**
 * What a daemon before this one may have left: /32 addresses are ours, the bridge's own has its
 * prefix.
 */
async function readVirtualAddresses(bridge: string): Promise<ReadonlySet<string>> {
  try {
    const { stdout } = await run('ip', ['-j', '-4', 'address', 'show', 'dev', bridge]);
    const links = JSON.parse(stdout) as readonly {
      readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
    }[];
    const infos = links.flatMap((link) => link.addr_info ?? []);
    return new Set(
      infos.flatMap((info) =>
        info.prefixlen === 32 && info.local !== undefined ? [info.local] : [],
      ),
    );
  } catch (error) {
    throw toError(`ip address show dev ${bridge}`, error);
  }
}

function markRule(mark: Mark): readonly string[] {
  const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
  return ['-m', 'connmark', '--mark', `${hex(mark.value)}/${hex(mark.mask)}`, '-j', 'ACCEPT'];
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  return run(program, [...args]).then(
    () => true,
    () => false,
  );
}

/** Runs a program that reads its orders from standard input. */
async function feed(program: string, args: readonly string[], input: string): Promise<void> {
  const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString('utf8');
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return;
  throw new TuttiError('internal', `${program} failed: ${complaint.trim() || `exit code ${code}`}`);
}

function toError(what: string, error: unknown): TuttiError {
  return new TuttiError('internal', `${what}: ${TuttiError.from(error).message}`, { cause: error });
}
