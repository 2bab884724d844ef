import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { test } from 'node:test';
import { type CompiledStack, compileStack } from './compile.ts';

async function compile(service: string): Promise<CompiledStack> {
  const text = `
services:
  web:
    image: nginx
${service}
networks:
  front: { ipam: { config: [{ subnet: 10.20.0.0/24 }] } }
`;
  return compileStack([{ path: '/app/compose.yml', text }], {
    stack: 'st',
    profiles: [],
    environment: {},
    files: {
      read: async () => new Uint8Array(),
      resolve: (base, relative) => posix.resolve(base, relative),
      directory: (path) => posix.dirname(path),
    },
  });
}

const onFront = '    networks: { front: { ipv4_address: 10.20.0.5, aliases: [www] } }';

test('an ipv4_address is that of the task, without a warning', async () => {
  const { declaration, warnings } = await compile(onFront);
  assert.deepEqual(warnings, []);
  assert.deepEqual(declaration.services[0]?.template.networks, [
    { networkId: 'st_front', aliases: ['www', 'web'], driverOptions: {}, ipv4Address: '10.20.0.5' },
  ]);
});

const refused: readonly (readonly [what: string, service: string, message: RegExp])[] = [
  [
    'replicas',
    `${onFront}\n    deploy: { replicas: 3 }`,
    /^services\.web\.networks\.front\.ipv4_address: one task has an address, not 3; /,
  ],
  [
    'a global service',
    `${onFront}\n    deploy: { mode: global }`,
    /^services\.web\.networks\.front\.ipv4_address: one task has an address, a global service more/,
  ],
  [
    'an update that starts first',
    `${onFront}\n    deploy: { update_config: { order: start-first } }`,
    /^services\.web\.deploy\.update_config\.order: the task before has the static address/,
  ],
  [
    'what is no address',
    '    networks: { front: { ipv4_address: 10.20.0.500 } }',
    /^services\.web\.networks\.front\.ipv4_address: expected an IPv4 address .*"10\.20\.0\.500"$/,
  ],
];

for (const [what, service, message] of refused) {
  test(`${what} with an ipv4_address is refused with its path`, async () => {
    await assert.rejects(compile(service), { code: 'invalid-argument', message });
  });
}
