import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { onOwnHost } from './fixture/on-own-host.ts';
import { TestNode } from './fixture/test-node.ts';

/* A manager that starts locked, through the docker command. */

const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';
const image = 'tutti-test/busybox:1';
const isLocked =
  'Swarm is encrypted and needs to be unlocked before it can be used. ' +
  'Please use "docker swarm unlock" to unlock it.';

let node: TestNode;

const kept = async (): Promise<string> => {
  const text = await readFile(join(node.directory, 'data/manager/sealing.key'), 'utf8');
  return (JSON.parse(text) as { readonly kept: string }).kept;
};
const state = async (): Promise<string> =>
  await node.docker('info', '--format', '{{.Swarm.LocalNodeState}}');

onOwnHost(import.meta.filename, () => {
  let first: string;

  before(async () => {
    node = await TestNode.start({ engineSocket });
  });
  after(async () => await node[Symbol.asyncDispose]());

  test('a cluster with autolock tells its unlock key, and keeps no key in the clear', async () => {
    const said = await node.docker('swarm', 'init', '--autolock', '--advertise-addr', '127.0.0.1');
    first = await node.docker('swarm', 'unlock-key', '-q');
    assert.match(first, /^SWMKEY-1-[A-Za-z0-9+/]{43}$/);
    assert.ok(said.includes(first));
    assert.equal(await kept(), 'locked');
    const early = await node.dockerWith(`${first}\n`, 'swarm', 'unlock');
    assert.match(early.stderr, /swarm is not locked/);
  });

  test('a manager that starts locked serves its unlocking alone, and containers go on', async () => {
    const name = ['--name', 'web', '--init'];
    await node.docker('service', 'create', '--quiet', ...name, image, 'sleep', '1d');
    const containers = await node.docker('ps', '-q', '--no-trunc');
    await node.daemon.stop();
    await node.daemon.start();
    assert.equal(await state(), 'locked');
    for (const command of ['service ls', 'node ls', 'swarm unlock-key', 'secret ls']) {
      const { code, stderr } = await node.tryDocker(...command.split(' '));
      assert.equal(code, 1, command);
      assert.ok(stderr.includes(isLocked), `${command}: ${stderr}`);
    }
    const { stderr } = await node.tutti(['status']);
    assert.ok(stderr.includes(isLocked), stderr);
    assert.equal(await node.docker('ps', '-q', '--no-trunc'), containers);
    const wrong = await node.dockerWith(`SWMKEY-1-${'x'.repeat(43)}\n`, 'swarm', 'unlock');
    assert.match(wrong.stderr, /swarm could not be unlocked: invalid key provided/);
    assert.equal(await state(), 'locked');
    const unlocked = await node.dockerWith(`${first}\n`, 'swarm', 'unlock');
    assert.equal(unlocked.code, 0, unlocked.stderr);
    assert.equal(await node.docker('service', 'ls', '--format', '{{.Name}}'), 'web');
    assert.equal(await node.docker('ps', '-q', '--no-trunc'), containers);
  });

  test('a new unlock key takes the place of the old one; without autolock there is none', async () => {
    const second = await node.docker('swarm', 'unlock-key', '--rotate', '-q');
    assert.notEqual(second, first);
    await node.daemon.stop();
    await node.daemon.start();
    const old = await node.dockerWith(`${first}\n`, 'swarm', 'unlock');
    assert.equal(old.code, 1);
    assert.equal((await node.dockerWith(`${second}\n`, 'swarm', 'unlock')).code, 0);
    await node.docker('swarm', 'update', '--autolock=false');
    assert.equal(await kept(), 'plain');
    const { stderr } = await node.tryDocker('swarm', 'unlock-key', '--rotate');
    assert.match(stderr, /cannot rotate because autolock is not turned on/);
    assert.equal(await state(), 'active');
  });

  test('a locked manager leaves by force alone, and nothing is left of its cluster', async () => {
    await node.docker('swarm', 'update', '--autolock=true');
    await node.daemon.stop();
    await node.daemon.start();
    const { stderr } = await node.tryDocker('swarm', 'leave');
    assert.match(stderr, /erases all current state of the swarm. Use `--force`/);
    assert.equal(await state(), 'locked');
    await node.docker('swarm', 'leave', '--force');
    assert.equal(await state(), 'inactive');
    await until(async () => (await node.docker('ps', '-aq')) === '');
    const again = await node.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
    assert.match(again, /Swarm initialized/);
    assert.equal(await node.docker('service', 'ls', '-q'), '');
    assert.equal(await kept(), 'plain');
  });
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 30_000;
  while (!(await isSo())) {
    assert.ok(Date.now() < giveUpAt, 'it takes too long');
    await sleep(100);
  }
}
