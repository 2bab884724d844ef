import { execFile } from 'node:child_process';

const limitMs = 1_000;

/**
 * Whether systemd is taking the machine down (reboot, power off). False where there is no systemd,
 * or where it does not answer in time.
 */
export async function isMachineStopping(): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    // It exits with 1 for every state but one.
    execFile('systemctl', ['is-system-running'], { timeout: limitMs }, (_error, stdout) => {
      resolve(stdout.trim() === 'stopping');
    });
  });
}
