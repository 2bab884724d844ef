import type { NetworkReport } from '../../src/model/network-report.ts';
import type { TestPlayground } from '../fixture/test-playground.ts';

export const manager = 'manager-1';
export const near = 'worker-1';
export const far = 'worker-2';
export const workers = 2;

/** Something that is wrong, and what the doctor has to say of it. */
export interface DoctorCase {
  readonly name: string;
  harm(hosts: TestPlayground): Promise<unknown>;
  /** Takes back what nobody repairs. */
  undo?(hosts: TestPlayground): Promise<unknown>;
  /** What follows from the doctor's look; throws where it does not. */
  followUp?(hosts: TestPlayground): Promise<void>;
  /** `severity code subject` of findings, all of which must be there. */
  readonly expected: readonly string[];
  /** In the message or hint of a finding. */
  readonly says?: RegExp;
  /** What has to be there afterwards, too. */
  readonly exitCode: 0 | 1;
}

async function on(
  hosts: TestPlayground,
  host: string,
  ...words: readonly string[]
): Promise<string> {
  const { code, stdout, stderr } = await hosts.enter(host, words);
  if (code !== 0) throw new Error(`${host}: ${words.join(' ')}: ${stderr}`);
  return stdout;
}

const firewall = [
  'add table inet fw',
  'add chain inet fw in { type filter hook input priority 0; policy drop; }',
  'add rule inet fw in iif lo accept',
  'add rule inet fw in ct state established,related accept',
].join('; ');

/** As a link in between that takes less than those of the nodes say. */
const narrows = [
  'add table inet narrow',
  'add chain inet narrow in { type filter hook prerouting priority -450; }',
  'add rule inet narrow in ip protocol udp ip length > 1280 drop',
].join('; ');

/** A network that is made now has packets that pass. */
async function expectNarrowNetwork(hosts: TestPlayground): Promise<void> {
  const name = 'narrowed';
  await hosts.docker(manager, 'network', 'create', '--driver=overlay', name);
  const service = ['--quiet', '--mode=global', `--network=${name}`, `--name=${name}`];
  await hosts.docker(manager, 'service', 'create', ...service, 'tutti-test/busybox:1', 'web');
  try {
    const bridge = await bridgeOf(hosts, far, name);
    const link = await on(hosts, far, 'ip', 'link', 'show', bridge);
    if (!/ mtu 12[23]\d /.test(link)) throw new Error(`its packets are as before: ${link}`);
  } finally {
    await hosts.docker(manager, 'service', 'rm', name);
    await hosts.docker(manager, 'network', 'rm', name);
  }
}

/** The bridge of a network: that of the service of the cases. */
async function bridgeOf(
  hosts: TestPlayground,
  host: string,
  network = 'doctored',
): Promise<string> {
  const id = await hosts.docker(manager, 'network', 'inspect', '--format={{.Id}}', network);
  return (
    (await on(hosts, host, 'ip', '-brief', 'link', 'show', `tt-${id.slice(0, 8)}`))
      .split(' ')[0]
      ?.trim() ?? ''
  );
}

export const cases: readonly DoctorCase[] = [
  { name: 'nothing', harm: async () => await Promise.resolve(), expected: [], exitCode: 0 },
  {
    name: 'MTU 1280 on one link',
    harm: (hosts) => on(hosts, far, 'ip', 'link', 'set', 'eth0', 'mtu', '1280'),
    undo: (hosts) => on(hosts, far, 'ip', 'link', 'set', 'eth0', 'mtu', '1500'),
    expected: [
      `broken full-size-lost ${manager} → ${far}`,
      `broken full-size-lost ${near} → ${far}`,
      `warning links-differ ${far}`,
    ],
    says: /--opt com\.docker\.network\.driver\.mtu=123/,
    exitCode: 1,
  },
  {
    name: 'MTU 1280 between two nodes',
    harm: (hosts) => on(hosts, far, 'nft', narrows),
    undo: (hosts) => on(hosts, far, 'nft', 'delete', 'table', 'inet', 'narrow'),
    followUp: expectNarrowNetwork,
    expected: [
      `broken full-size-lost ${manager} → ${far}`,
      `broken full-size-lost ${near} → ${far}`,
    ],
    says: /from now on they are made for what passes/,
    exitCode: 1,
  },
  {
    name: 'a flushed ruleset',
    harm: (hosts) => on(hosts, near, 'nft', 'flush', 'ruleset'),
    expected: [`repaired kernel-repaired ${near}`],
    says: /the table is gone/,
    exitCode: 0,
  },
  {
    name: 'a firewall with the policy drop',
    harm: (hosts) => on(hosts, near, 'nft', firewall),
    undo: (hosts) => on(hosts, near, 'nft', 'delete', 'table', 'inet', 'fw'),
    expected: [
      `broken unreachable ${manager} → ${near}`,
      `broken unreachable ${far} → ${near}`,
      // Queries of containers come in to the machine, too.
      `broken name-unanswered ${near}`,
      `warning drop-policy ${near}`,
    ],
    says: /nft insert rule inet fw in ip saddr \S+ udp dport 4789 accept/,
    exitCode: 1,
  },
  {
    name: 'a deleted bridge',
    harm: async (hosts) =>
      await on(hosts, near, 'ip', 'link', 'delete', await bridgeOf(hosts, near)),
    expected: [`repaired kernel-repaired ${near}`],
    says: /the bridge of network doctored was gone/,
    exitCode: 0,
  },
  {
    name: 'bridged packets past the filter',
    harm: (hosts) => on(hosts, far, 'sysctl', '-w', 'net.bridge.bridge-nf-call-iptables=0'),
    expected: [`repaired bridge-filter ${far}`],
    exitCode: 0,
  },
  {
    name: 'a kernel that forwards nothing',
    harm: (hosts) => on(hosts, far, 'sysctl', '-w', 'net.ipv4.ip_forward=0'),
    expected: [`repaired kernel-repaired ${far}`],
    says: /net\.ipv4\.ip_forward was 0/,
    exitCode: 0,
  },
  {
    name: 'a restarted container engine',
    harm: async (hosts) => {
      await hosts.change('kill', [near], 'engine');
      await hosts.change('start', [near], 'engine');
    },
    expected: [],
    exitCode: 0,
  },
  {
    name: 'a frozen daemon',
    harm: (hosts) => hosts.change('freeze', [far], 'daemon'),
    undo: (hosts) => hosts.change('start', [far], 'daemon'),
    expected: [`broken node-silent ${far}`],
    exitCode: 1,
  },
];

/** What is missing in a report; empty: it says all that it has to. */
export function missingIn(
  report: NetworkReport & { readonly exitCode: number },
  { expected, says, exitCode }: DoctorCase,
): readonly string[] {
  const found = report.findings.map((one) => `${one.severity} ${one.code} ${one.subject}`);
  const texts = report.findings.map(({ message, hint }) => `${message} ${hint ?? ''}`);
  // Of the pairs of a node it is the first that is told.
  const missing = expected.filter((one) => !found.includes(one));
  const broken = found.filter((one) => one.startsWith('broken') && !expected.includes(one));
  return [
    ...missing.map((one) => `missing: ${one}`),
    ...broken.map((one) => `not expected: ${one}`),
    ...(says === undefined || texts.some((text) => says.test(text)) ? [] : [`nobody says ${says}`]),
    ...(report.exitCode === exitCode ? [] : [`exit code ${report.exitCode}`]),
  ];
}
