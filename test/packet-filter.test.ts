import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LinuxNetworkDevices } from '../src/os/network-devices.ts';
import { onOwnHost } from './fixture/on-own-host.ts';

const table = 'ip tutti';
const map = `map ${table} slots { type ipv4_addr : ipv4_addr; }`;

/* A real `nft` and a real kernel. */
onOwnHost(import.meta.filename, () => {
  let directory = '';
  let devices: LinuxNetworkDevices;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tutti-filter-'));
    devices = new LinuxNetworkDevices(directory);
    await devices.loadRules(`add table ${table}\nadd ${map}\n`);
  });
  after(async () => {
    await rm(directory, { recursive: true });
  });

  const elements = (): readonly string[] => {
    const listed = execFileSync('nft', ['list', 'map', ...table.split(' '), 'slots'], {
      encoding: 'utf8',
    });
    return [...listed.matchAll(/(\S+) : \S+/g)].map(([, key = '']) => key).slice(1);
  };
  const add = (key: string): string => `add element ${table} slots { ${key} : 10.0.0.1 }\n`;
  const remove = (key: string): string => `delete element ${table} slots { ${key} }\n`;

  test('a batch is there once it is said to be, also one that is too long to be said', async () => {
    await devices.loadRules(add('10.1.0.1') + add('10.1.0.2'));
    assert.deepEqual(elements(), ['10.1.0.1', '10.1.0.2']);
    const many = Array.from({ length: 500 }, (_, index) => `10.2.${index >> 8}.${index & 255}`);
    await devices.loadRules(many.map(add).join(''));
    assert.equal(elements().length, 502);
    await devices.loadRules(many.map(remove).join(''));
    assert.deepEqual(elements(), ['10.1.0.1', '10.1.0.2']);
  });

  test('of a batch that the kernel refuses nothing is there, and it is told', async () => {
    const refused = devices.loadRules(add('10.1.0.9') + remove('10.1.0.8'));
    await assert.rejects(refused, /No such file or directory/);
    await assert.rejects(devices.loadRules('add element\n'), /syntax error/);
    assert.deepEqual(elements(), ['10.1.0.1', '10.1.0.2']);
    await devices.loadRules(add('10.1.0.3'));
    assert.deepEqual(elements(), ['10.1.0.1', '10.1.0.2', '10.1.0.3']);
  });

  test('what others changed meanwhile does not make the next batch fail', async () => {
    execFileSync('nft', ['flush', 'ruleset']);
    await assert.rejects(devices.loadRules(add('10.1.0.1')), /No such file or directory/);
    await devices.loadRules(`add table ${table}\nadd ${map}\n`);
    await devices.loadRules(add('10.1.0.1'));
    assert.deepEqual(elements(), ['10.1.0.1']);
  });

  test('one that somebody killed is replaced', async () => {
    const pids = await processesCalled('tutti-nft');
    assert.equal(pids.length, 1);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    while ((await processesCalled('tutti-nft')).length > 0) await new Promise(setImmediate);
    await devices.loadRules(add('10.1.0.2'));
    assert.deepEqual(elements(), ['10.1.0.1', '10.1.0.2']);
  });

  test('datagrams to a back end that left find another way', async () => {
    execFileSync('nft', ['add', 'chain', 'ip', 'tutti', 'out', rule]);
    const led = 'ip daddr 127.7.7.7 dnat to ip daddr map @slots';
    execFileSync('nft', ['add', 'rule', 'ip', 'tutti', 'out', led]);
    const lead = async (to: string): Promise<void> => {
      const led = `add element ${table} slots { 127.7.7.7 : ${to} }\n`;
      await devices.loadRules(led);
    };
    const heard = { '127.0.0.2': 0, '127.0.0.3': 0 };
    const servers = await Promise.all(
      (['127.0.0.2', '127.0.0.3'] as const).map(async (address) => {
        const server = createSocket('udp4', () => void (heard[address] += 1));
        server.bind(9_000, address);
        await once(server, 'listening');
        return { server, address };
      }),
    );
    const client = createSocket('udp4');
    const say = async (): Promise<void> => {
      const before = heard['127.0.0.2'] + heard['127.0.0.3'];
      client.send('hello', 9_000, '127.7.7.7');
      while (heard['127.0.0.2'] + heard['127.0.0.3'] === before) await new Promise(setImmediate);
    };
    await lead('127.0.0.2');
    await say();
    await devices.loadRules(remove('127.7.7.7'));
    await lead('127.0.0.3');
    await say();
    // The kernel keeps to what it chose for the first one.
    assert.deepEqual(heard, { '127.0.0.2': 2, '127.0.0.3': 0 });
    await devices.forgetDatagrams(['127.0.0.9']);
    await say();
    assert.deepEqual(heard, { '127.0.0.2': 3, '127.0.0.3': 0 });
    await devices.forgetDatagrams(['127.0.0.2']);
    await say();
    assert.deepEqual(heard, { '127.0.0.2': 3, '127.0.0.3': 1 });
    for (const { server } of servers) server.close();
    client.close();
  });
});

const rule = '{ type nat hook output priority -100; }';

async function processesCalled(name: string): Promise<readonly number[]> {
  const own = `${process.pid}`;
  const found: number[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const isOwn = status.includes(`\nPPid:\t${own}\n`) && status.startsWith(`Name:\t${name}\n`);
    if (isOwn && !status.includes('State:\tZ')) found.push(Number(pid));
  }
  return found;
}
