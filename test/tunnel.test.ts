import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { NodeEncryption } from '../src/model/encryption.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { runApart } from './fixture/run-apart.ts';
import { expectRun } from './network/expect-run.ts';
import { until } from './network/stack.ts';
import { device, type SpanHost, startHosts } from './spans/host.ts';
import { Capture } from './tunnel/capture.ts';
import { type Told, viewOf } from './tunnel/view.ts';

const program = join(import.meta.dirname, 'spans', 'bytes.ts');
const megabyte = 1_000_000;
/* As in `src/overlay/tunnel-keys.ts`. */
const keyPeriodMs = 12 * 3_600_000;
const keyNoticeMs = 60_000;
const said = 'what nobody else may read ';
/** Who is not there by then would not have answered later. */
const limitMs = 700;

const within = ({ name }: SpanHost) => ['netns', 'exec', name];

/* Real packets between two hosts on an encrypted network, with WireGuard as this machine has it. */
onOwnHost(import.meta.filename, () => {
  let directory: string;
  let hosts: readonly [SpanHost, SpanHost];
  /** As managers would tell it; a test may tell otherwise. */
  let told: Told;

  const tunnelOf = (host: SpanHost): string => `tt-${host.name}-w`;
  const describe = async (host: SpanHost): Promise<NodeEncryption> =>
    JSON.parse(await host.order('describe')) as NodeEncryption;
  const show = async (host: SpanHost, others: Partial<Told> = {}): Promise<boolean> =>
    (await host.order(`show ${JSON.stringify(viewOf({ ...told, ...others }))}`)) === 'true';
  const showBoth = async (others: Partial<Told> = {}): Promise<void> => {
    for (const host of hosts) await show(host, others);
  };
  /** What hosts say of themselves reaches everybody, until nobody has news. */
  const settle = async (): Promise<void> => {
    for (let isNews = true; isNews; ) {
      const [one, other] = [await describe(hosts[0]), await describe(hosts[1])];
      told = { ...told, encryption: { [hosts[0].name]: one, [hosts[1].name]: other } };
      const news = [await show(hosts[0]), await show(hosts[1])];
      isNews = news.includes(true);
    }
  };
  const untilTheyTalk = async (): Promise<void> => {
    const [one, other] = hosts;
    const push = async () => await one.push(other.container, 1);
    await until(push, (count) => count === 1);
  };
  /** Whether the text was on the fabric while somebody said it. */
  const isRead = async (say: () => Promise<unknown>): Promise<boolean> => {
    const capture = await Capture.start(hosts[0].name, join(directory, 'fabric'));
    await say();
    return await capture.has(said, hosts[1].address);
  };

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tutti-tunnel-'));
    const holder = join(import.meta.dirname, 'tunnel', 'holder.ts');
    hosts = await startHosts({ mtu: 1_390, holder: (name) => [holder, name, directory] });
    told = { hosts, isEncrypted: true, encryption: {} };
    await settle();
    await untilTheyTalk();
  });
  after(async () => {
    for (const host of hosts) {
      await host.remove();
      await host[Symbol.asyncDispose]();
    }
    await rm(directory, { recursive: true });
  });

  test('containers on different hosts talk, with packets of full size', async () => {
    const [one, other] = hosts;
    assert.equal(await one.push(other.container, 20 * megabyte), 20 * megabyte);
    assert.equal(await other.push(one.container, megabyte), megabyte);
  });

  test('nobody on the fabric reads what they say; on a network in clear text everybody does', async () => {
    const [one, other] = hosts;
    const say = async () => await one.push(other.container, 10_000, { said, limitMs });
    assert.equal(await isRead(say), false);
    await showBoth({ isEncrypted: false });
    assert.equal(await isRead(say), true);
    await showBoth();
    await untilTheyTalk();
  });

  test('what was made is no drift', async () => {
    for (const host of hosts) assert.equal(await host.recheck(), 0, host.name);
  });

  test('packets that the tunnel brings one by one go on together, also after somebody changed it', async () => {
    const [one] = hosts;
    const setting = `/sys/class/net/${device}/gro_flush_timeout`;
    const nanoseconds = async () =>
      Number((await runApart('ip', [...within(one), 'cat', setting])).stdout);
    const made = await nanoseconds();
    assert.ok(made > 0);
    const nothing = join(directory, 'nothing');
    await writeFile(nothing, '0');
    await expectRun('ip', ...within(one), 'cp', nothing, setting);
    assert.equal(await nanoseconds(), 0);
    await one.recheck();
    assert.equal(await nanoseconds(), made);
  });

  test('a key that is not the one that was told lets nothing pass, nor does none', async () => {
    const [one, other] = hosts;
    const right = told.encryption[other.name];
    assert.equal(right?.kind, 'able');
    const wrong = { ...right, publicKey: `${right.publicKey.slice(1, -1)}A=` };
    for (const encryption of [wrong, undefined]) {
      await show(one, { encryption: { ...told.encryption, [other.name]: encryption } });
      const say = async () => await one.push(other.container, 10_000, { said, limitMs });
      assert.equal(await isRead(async () => assert.ok(Number.isNaN(await say()))), false);
    }
    await show(one);
    await untilTheyTalk();
  });

  test('frames in clear text are taken from nobody', async () => {
    const [one, other] = hosts;
    const pretended = { ...told, isEncrypted: false };
    await show(other, pretended);
    const before_ = await one.received();
    assert.ok(Number.isNaN(await other.push(one.container, 1, { limitMs })));
    assert.equal(await one.received(), before_);
    await show(one, pretended);
    assert.equal(await other.push(one.container, 1), 1);
    assert.ok((await one.received()) > before_, 'they would have come');
    await showBoth();
    await untilTheyTalk();
  });

  test('nothing but the networks’ own frames comes by the tunnel', async () => {
    const [one, other] = hosts;
    /** Answers of the host to who asks for a port that nobody has. */
    const refusals = async (): Promise<string> => {
      const { stdout } = await runApart('ip', [...within(one), 'cat', '/proc/net/snmp']);
      const [names, values] = stdout.split('\n').filter((line) => line.startsWith('Tcp:'));
      return values?.split(' ')[names?.split(' ').indexOf('OutRsts') ?? -1] ?? '';
    };
    const ask = async (): Promise<void> => {
      const order = ['curl', '-sS', '-m', '1', `http://${one.address}:9`];
      await runApart('ip', [...within(other), ...order]);
    };
    const way = ['dev', tunnelOf(other), 'src', other.address, 'table', '77'];
    await other.ip('route', 'add', one.address, ...way);
    await other.ip('rule', 'add', 'ipproto', 'tcp', 'lookup', '77');
    const before_ = await refusals();
    await ask();
    assert.equal(await refusals(), before_);
    await other.ip('rule', 'delete', 'ipproto', 'tcp', 'lookup', '77');
    await ask();
    assert.notEqual(await refusals(), before_, 'it refuses who comes by the link');
  });

  test('what comes by the tunnel for somebody else is not led on', async () => {
    const [one, other] = hosts;
    const inside = ['netns', 'exec', one.inside];
    /** Datagrams that reached the container, where nobody takes them. */
    const reached = async (): Promise<string> => {
      const { stdout } = await runApart('ip', [...inside, 'cat', '/proc/net/snmp']);
      const [names, values] = stdout.split('\n').filter((line) => line.startsWith('Udp:'));
      return values?.split(' ')[names?.split(' ').indexOf('NoPorts') ?? -1] ?? '';
    };
    const frame = [program, 'frame', one.container, '4789', '4098'];
    const send = async () => await expectRun('ip', ...within(other), process.execPath, ...frame);
    const allow = async (...addresses: readonly string[]) => {
      const { stdout } = await runApart('ip', [
        ...within(other),
        'wg',
        'show',
        tunnelOf(other),
        'peers',
      ]);
      const peer = ['peer', stdout.trim(), 'allowed-ips', addresses.join()];
      await expectRun('ip', ...within(other), 'wg', 'set', tunnelOf(other), ...peer);
    };
    await expectRun('ip', ...within(one), 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    await allow(`${one.address}/32`, `${one.container}/32`);
    await other.ip('route', 'add', one.container, 'dev', tunnelOf(other), 'src', other.address);
    const before_ = await reached();
    await send();
    await untilTheyTalk();
    assert.equal(await reached(), before_);
    const ruled = ['nft', 'delete', 'chain', 'ip', 'tutti', 'forward'];
    await expectRun('ip', ...within(one), ...ruled);
    await send();
    await until(reached, (count) => count !== before_);
    await other.ip('route', 'delete', one.container);
    await allow(`${one.address}/32`);
    await showBoth();
  });

  const harms: readonly (readonly [string, (host: SpanHost) => Promise<unknown>])[] = [
    ['a deleted tunnel', (host) => host.ip('link', 'delete', tunnelOf(host))],
    ['a tunnel that is down', (host) => host.ip('link', 'set', tunnelOf(host), 'down')],
    [
      'an entry past the tunnel',
      async (host) => {
        const entry = ['02:42:0a:00:09:0c', 'dev', device, 'dst', hosts[1].address];
        await host.bridge('fdb', 'delete', '02:42:0a:00:09:0c', 'dev', device, 'self');
        await host.bridge('fdb', 'add', ...entry, 'self', 'permanent');
      },
    ],
  ];
  for (const [what, harm] of harms) {
    test(`${what} lets nothing out, and is repaired`, async () => {
      const [one, other] = hosts;
      await harm(one);
      const say = async () => await one.push(other.container, 10_000, { said, limitMs });
      assert.equal(await isRead(async () => assert.ok(Number.isNaN(await say()))), false);
      await one.recheck();
      await untilTheyTalk();
    });
  }

  test('keys change under a connection, which goes on', async () => {
    const [one, other] = hosts;
    const before_ = told.encryption;
    let isOver = false;
    const counted = one.push(other.container, 100 * megabyte).finally(() => {
      isOver = true;
    });
    for (const host of hosts) {
      await host.order(`later ${keyPeriodMs}`);
      await settle();
      assert.ok(
        Object.values(told.encryption).some((one_) => one_?.kind === 'able' && one_.nextPublicKey),
      );
      await host.order(`later ${keyNoticeMs}`);
      await settle();
    }
    assert.equal(isOver, false, 'it lasted');
    for (const host of hosts) {
      const [old, recent] = [before_[host.name], told.encryption[host.name]];
      assert.ok(old?.kind === 'able' && recent?.kind === 'able');
      assert.notEqual(recent.publicKey, old.publicKey);
    }
    assert.equal(await counted, 100 * megabyte);
    assert.equal(await other.push(one.container, 1), 1);
  });

  test('a host that changed its key without a word is followed by whoever it speaks to', async () => {
    const [one, other] = hosts;
    await one.order(`later ${keyPeriodMs}`);
    await settle();
    await one.order(`later ${keyNoticeMs}`);
    // One changes, and no manager says so.
    await show(one);
    await one.push(other.container, 1, { limitMs });
    await other.recheck();
    await show(other);
    await untilTheyTalk();
    await settle();
    await untilTheyTalk();
  });

  test('a host that moved is found at its new address', async () => {
    const [one, other] = hosts;
    await other.ip('address', 'add', '192.168.88.77/25', 'dev', 'eth0');
    told = { ...told, addresses: { [other.name]: '192.168.88.77' } };
    await showBoth();
    await other.ip('address', 'delete', `${other.address}/24`, 'dev', 'eth0');
    await untilTheyTalk();
    assert.equal(await other.push(one.container, 1), 1);
  });

  test('nothing is left', async () => {
    for (const host of hosts) {
      await host.remove();
      assert.doesNotMatch(await host.ip('link', 'show'), /-[wx][:@]/);
    }
    // The program ends with its device.
    const sockets = async () => await readdir('/var/run/wireguard').catch(() => []);
    await until(sockets, (names) => names.length === 0);
    const left = await readdir(directory);
    assert.deepEqual(
      left.filter((name) => /\.(json|key)$/.test(name)),
      [],
    );
  });
});
