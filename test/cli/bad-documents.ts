import type { BadCase } from './bad-case.ts';

const image = 'tutti-test/busybox:1';

function badDocument(what: string, document: string, says: RegExp): BadCase {
  return { what, parameters: ['-c', 'bad.yml', 'st'], document, says };
}

function badService(what: string, body: string, says: RegExp): BadCase {
  return badDocument(what, `services: { web: { image: "${image}", ${body} } }`, says);
}

/** What neither a plan nor a deploy takes. */
export const badDocuments: readonly BadCase[] = [
  { what: 'no document', parameters: ['st'], says: /there is no compose\.yml/ },
  {
    what: 'a document that is not there',
    parameters: ['-c', 'none.yml', 'st'],
    says: /no such file: .*none\.yml/,
  },
  {
    what: 'a directory as document',
    parameters: ['-c', '.', 'st'],
    says: /is a directory; name a file in it/,
  },
  {
    what: 'a link that goes in circles',
    parameters: ['-c', 'circle.yml', 'st'],
    says: /circle\.yml is a link that goes in circles/,
  },
  {
    what: 'an endless document',
    parameters: ['-c', '/dev/zero', 'st'],
    says: /\/dev\/zero is larger than 4 MiB/,
  },
  {
    what: 'standard input twice',
    parameters: ['-c', '-', '-c', '-', 'st'],
    says: /-c: standard input \(-\) can be read once/,
  },
  { what: 'no value for -c', parameters: ['st', '-c'], says: /--compose-file .* argument missing/ },
  {
    what: 'an env file that is not there',
    parameters: ['-c', 'good.yml', '--env-file', 'none.env', 'st'],
    says: /no such file: .*none\.env/,
  },
  {
    what: 'an env file that is none',
    parameters: ['-c', 'good.yml', '--env-file', 'bad.env', 'st'],
    says: /bad\.env:2: expected NAME=value/,
  },
  {
    what: 'a stack with a path as name',
    parameters: ['-c', 'good.yml', '../up'],
    says: /stack: a stack is named by .* found "\.\.\/up"/,
  },
  {
    what: 'a stack with a shell as name',
    parameters: ['-c', 'good.yml', '$(id)'],
    says: /stack: .* found "\$\(id\)"/,
  },
  { what: 'two stacks', parameters: ['-c', 'good.yml', 'a', 'b'], says: /too many arguments/ },
  badDocument('half a document', 'services: { web: ', /bad\.yml:\d+: /),
  badDocument('a tab where YAML has none', 'services:\n\tweb:', /bad\.yml:\d+: /),
  badDocument('a key twice', 'services: {}\nservices: {}', /bad\.yml:\d+: .*unique/),
  badDocument('a text', 'hello', /expected a mapping with "services"/),
  badDocument(
    'no services',
    'services: {}',
    /^tutti: services: a document needs at least one service/,
  ),
  badDocument(
    'a service without an image',
    'services: { web: {} }',
    /services\.web: the service needs "image"/,
  ),
  badDocument(
    'a service that is only built',
    'services: { web: { build: ./x } }',
    /services\.web(\.build)?: images are not built here/,
  ),
  badDocument(
    'an unknown top-level key',
    `services: { web: { image: "${image}" } }\nservces: {}`,
    /servces: unknown key; did you mean "services"\?/,
  ),
  badService('an unknown key', 'imgae: x', /services\.web\.imgae: unknown key/),
  badDocument(
    'a shell as image',
    'services: { web: { image: "$$(reboot)" } }',
    /"\$\(reboot\)" is not a valid/,
  ),
  badService(
    'a port beyond the last',
    'ports: ["80:70000"]',
    /services\.web\.ports\[0\]: ports go from 1 to 65535/,
  ),
  badService(
    'a port that is a word',
    'ports: ["http"]',
    /services\.web\.ports\[0\]: expected a port/,
  ),
  badService(
    'replicas that are a word',
    'deploy: { replicas: two }',
    /deploy\.replicas: expected a number, found "two"/,
  ),
  badService(
    'fewer than no replicas',
    'deploy: { replicas: -1 }',
    /deploy\.replicas: expected a whole number/,
  ),
  badService(
    'a constraint that is none',
    'deploy: { placement: { constraints: ["node.name is a"] } }',
    /constraint/,
  ),
  badService(
    'a constraint about nothing',
    'deploy: { placement: { constraints: ["node.fuel == 1"] } }',
    /services\.web\.deploy\.placement\.constraints\[0\]: no node has a property "node\.fuel"/,
  ),
  badService(
    'a network that nobody declares',
    'networks: [back]',
    /services\.web\.networks\[0\]: the network "back" is not declared/,
  ),
  badService(
    'a secret that nobody declares',
    'secrets: [key]',
    /services\.web\.secrets\[0\]: the secret "key" is not declared/,
  ),
  badService('a dependency on nobody', 'depends_on: [db]', /services\.web\.depends_on.*"db"/),
  badService('a dependency on itself', 'depends_on: [web]', /web depends on itself; take that out/),
  badService(
    'a memory limit that is a word',
    'mem_limit: lots',
    /services\.web\.mem_limit: expected a size/,
  ),
  badService(
    'a duration that is a word',
    'stop_grace_period: soon',
    /stop_grace_period: expected a duration/,
  ),
  badService(
    'a variable that is required',
    'environment: { A: "${NEEDED:?set it}" }',
    /environment\.A: required variable NEEDED is missing a value: set it/,
  ),
  badService('an unknown capability', 'cap_add: ["MA GIC"]', /cap_add|capabilit/i),
  badDocument(
    'an external secret that is not there',
    `services: { web: { image: "${image}", secrets: [key] } }\nsecrets: { key: { external: true } }`,
    /secret not found: key/,
  ),
  badDocument(
    'an external network that is not there',
    `services: { web: { image: "${image}", networks: [n] } }\nnetworks: { n: { external: true } }`,
    /network n not found/,
  ),
  badDocument(
    'a secret from a file that is not there',
    `services: { web: { image: "${image}" } }\nsecrets: { key: { file: ./none.pem } }`,
    /secrets\.key\.file: no such file: .*none\.pem/,
  ),
  badDocument(
    'a config that is too large',
    `services: { web: { image: "${image}" } }\nconfigs: { big: { file: ./big.bin } }`,
    /configs\.st_big|big/,
  ),
  badDocument(
    'files that are too large together',
    `services: { web: { image: "${image}" } }\nconfigs: { ${['a', 'b', 'c']
      .map((name) => `${name}: { file: ./big.bin }`)
      .join(', ')} }`,
    /configs: configs and secrets of the stack st are too large together/,
  ),
  badDocument(
    'a service with a path as name',
    `services: { "../web": { image: "${image}" } }`,
    /\.\.\/web/,
  ),
];
