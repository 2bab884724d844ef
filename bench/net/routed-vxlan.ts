import type { TestPlayground } from '../../test/fixture/test-playground.ts';
import { outputOf, type Placed, startIn } from './inside.ts';
import { run } from './run.ts';

const device = 'plain-r';
const vxlanId = 9_998;
const port = 4_791;
const mtu = 1_450;
const table = '4791';
/** Of the container, besides those that it has: only what is made here leads to it. */
const address = '198.51.100.77';
const ends = ['203.0.113.1', '203.0.113.2'] as const;

/**
 * The way from this machine to a container on another host as one would route it by hand: to the
 * first host, by VXLAN to the second one, to the container, and back by the same. Returns the
 * address at which the container is asked.
 */
export async function routeByVxlan(
  playground: TestPlayground,
  { first, container }: { readonly first: string; readonly container: Placed },
): Promise<string> {
  const second = container.host;
  const hosts = [first, second] as const;
  for (const [index, host] of hosts.entries()) {
    const [local, remote] = [host, hosts[1 - index] ?? ''].map(
      (one) => playground.host(one).address,
    );
    // With one port both ways the packet filter knows a connection by both.
    const kind = `type vxlan id ${vxlanId} dstport ${port} srcport ${port} ${port + 1}`;
    await onHost(playground, host, [
      `link add ${device} mtu ${mtu} ${kind} local ${local} remote ${remote}`,
      `address add ${ends[index]}/24 dev ${device}`,
      `link set ${device} up`,
    ]);
    for (const way of ['-s', '-d']) {
      const accept = ['iptables', '-w', '-I', 'DOCKER-USER', way, address, '-j', 'ACCEPT'];
      await outputOf(startIn(playground, { host }, accept), 'iptables');
    }
  }
  await onHost(playground, first, [`route replace ${address}/32 via ${ends[1]}`]);
  await onHost(playground, second, [
    `route replace ${address}/32 via ${container.address}`,
    `route replace default via ${ends[0]} table ${table}`,
    `rule add pref 22000 from ${address} lookup ${table}`,
  ]);
  const own = ['ip', 'address', 'add', `${address}/32`, 'dev', 'lo'];
  await outputOf(startIn(playground, container, own), 'ip');
  await run('ip', 'route', 'replace', `${address}/32`, 'via', playground.host(first).address);
  return address;
}

async function onHost(
  playground: TestPlayground,
  host: string,
  lines: readonly string[],
): Promise<void> {
  const child = startIn(playground, { host }, ['ip', '-batch', '-']);
  child.stdin.end(lines.map((line) => `${line}\n`).join(''));
  await outputOf(child, 'ip');
}
