import { readFile, writeFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Linux 5.14 and newer; of the network namespace of whoever opens it. */
const setting = '/proc/sys/net/ipv4/tcp_migrate_req';

/**
 * Closes sockets whose ports others share. Connections that nobody has accepted yet go to one of
 * those where the kernel does that (ip-sysctl, `tcp_migrate_req`); else the kernel resets them.
 */
export async function closeShared(close: () => void): Promise<void> {
  const before = await readFile(setting, 'utf8').catch(() => undefined);
  const isOff = before?.trim() === '0';
  if (isOff) await writeFile(setting, '1').catch(() => undefined);
  // Right after the sockets were looked at: what had come was taken.
  await nextTurn();
  close();
  if (isOff) await writeFile(setting, '0').catch(() => undefined);
}
