import { access, constants, mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { ListedTunnel, TunnelDevices } from '../host/tunnel-devices.ts';
import { TuttiError } from '../lib/error.ts';
import { startDetached, whenReady } from './detached-process.ts';
import { KernelPrograms } from './kernel-programs.ts';

/** Where WireGuard's programs find each other (wg(8)). */
const socketDirectory = '/var/run/wireguard';
const startLimitMs = 5_000;
/** `wg` waits for the program in the kernel's place, and with it would all networks of the node. */
const answerLimitMs = 5_000;
const probe = 'ttprobe';
const tunnelName = /^tt-.*-w$/;

/**
 * An address that every device may have and nothing ever goes to. Without one the kernel refuses
 * what comes by the tunnel where it looks where senders are (ip-sysctl: `rp_filter`), even if it
 * looks loosely.
 */
const ownAddress = '127.84.84.1/32';

type Means = 'kernel' | 'program';

/** `wg`, `ip`, and `wireguard-go` where the kernel has no WireGuard. */
export class LinuxTunnelDevices implements TunnelDevices {
  readonly #programs = new KernelPrograms();
  readonly #logPath: string;
  readonly #keyPath: string;
  #means: Means | undefined;

  /**
   * @param options.logPath What the program says, where there is one.
   * @param options.keyPath Where a private key lies while `wg` reads it: it takes keys from files
   *   alone, and what Node gives a program for its standard input is a socket, which is none.
   */
  constructor(options: { readonly logPath: string; readonly keyPath: string }) {
    this.#logPath = options.logPath;
    this.#keyPath = options.keyPath;
  }

  async problem(): Promise<string | undefined> {
    if (this.#means !== undefined) return undefined;
    if (!(await isInstalled('wg'))) return 'there is no program wg on it (wireguard-tools)';
    if (await this.#kernelHasIt()) this.#means = 'kernel';
    else if (!(await isInstalled('wireguard-go'))) {
      return 'its kernel has no WireGuard, and there is no program wireguard-go on it';
    } else if (!(await isThere('/dev/net/tun', constants.R_OK))) {
      return 'its kernel has no WireGuard, and wireguard-go finds no /dev/net/tun';
    } else this.#means = 'program';
    return undefined;
  }

  async #kernelHasIt(): Promise<boolean> {
    await this.#programs.succeeds('ip', ['link', 'delete', 'dev', probe]);
    const order = ['link', 'add', 'dev', probe, 'type', 'wireguard'];
    const made = await this.#programs.succeeds('ip', order);
    if (made) await this.#programs.succeeds('ip', ['link', 'delete', 'dev', probe]);
    return made;
  }

  async list(): Promise<readonly string[]> {
    const links = await this.#programs.readLinks(['link', 'show']);
    return links.map(({ ifname }) => ifname).filter((name) => tunnelName.test(name));
  }

  async read(device: string): Promise<ListedTunnel | undefined> {
    const shown = this.#programs.readLinks(['address', 'show', 'dev', device]);
    const [link] = await shown.catch(() => []);
    if (link === undefined) return undefined;
    const dump = await this.#wg('show', device, 'dump').catch(() => undefined);
    const addresses = (link.addr_info ?? []).map((one) => `${one.local}/${one.prefixlen}`);
    return {
      mtu: link.mtu ?? 0,
      isUp: link.flags?.includes('UP') === true,
      takesDetours: addresses.includes(ownAddress),
      dump,
    };
  }

  async make(device: string, { mtu }: { readonly mtu: number }): Promise<void> {
    const problem = await this.problem();
    if (problem !== undefined) {
      throw new TuttiError('failed-precondition', `this machine cannot encrypt: ${problem}`);
    }
    await this.remove(device);
    if (this.#means === 'kernel') await this.#ip('link', 'add', 'dev', device, 'type', 'wireguard');
    else await this.#startProgram(device);
    await this.#ip('link', 'set', 'dev', device, 'mtu', String(mtu), 'addrgenmode', 'none');
    await this.#ip('address', 'replace', ownAddress, 'dev', device);
    await writeFile(`/proc/sys/net/ipv4/conf/${device}/rp_filter`, '2');
    await this.#ip('link', 'set', 'dev', device, 'up');
  }

  /** It outlives this process, as the kernel's would, and ends with its device. */
  async #startProgram(device: string): Promise<void> {
    await mkdir(socketDirectory, { recursive: true, mode: 0o700 });
    const command = ['wireguard-go', '--foreground', device] as const;
    const child = startDetached(command, { logPath: this.#logPath });
    const signal = AbortSignal.timeout(startLimitMs);
    const socket = await whenReady(join(socketDirectory, `${device}.sock`), { child, signal });
    if (socket !== undefined) return void socket.destroy();
    child.kill('SIGKILL');
    throw new TuttiError('unavailable', 'wireguard-go did not start', {
      hint: `What it said is in ${this.#logPath}.`,
    });
  }

  async order(
    device: string,
    order: { readonly parameters: readonly string[]; readonly privateKey?: string },
  ): Promise<void> {
    const { parameters, privateKey } = order;
    if (privateKey === undefined) {
      await this.#wg('set', device, ...parameters);
      return;
    }
    try {
      await writeFile(this.#keyPath, `${privateKey}\n`, { mode: 0o600 });
      await this.#wg('set', device, 'private-key', this.#keyPath, ...parameters);
    } finally {
      await rm(this.#keyPath, { force: true });
    }
  }

  async remove(device: string): Promise<void> {
    await this.#programs.succeeds('ip', ['link', 'delete', 'dev', device]);
  }

  async #wg(...parameters: readonly string[]): Promise<string> {
    return await this.#programs.read('wg', parameters, { limitMs: answerLimitMs });
  }

  async #ip(...parameters: readonly string[]): Promise<void> {
    await this.#programs.read('ip', parameters);
  }
}

async function isInstalled(program: string): Promise<boolean> {
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  for (const directory of directories) {
    if (await isThere(join(directory, program), constants.X_OK)) return true;
  }
  return false;
}

async function isThere(path: string, mode: number): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    () => false,
  );
}
