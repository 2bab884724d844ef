import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSimulation } from './debian-packages.ts';

test('what apt would install is read, in the order of names, each once', () => {
  const output = [
    'Reading package lists...',
    'Inst libssl3 (3.0.22-1~deb12u2 Debian-Security:12/stable-security [amd64])',
    'Inst gcc-12-base (12.2.0-14 Debian:12/stable [amd64]) []',
    'Inst tzdata (2026f-0+deb12u1 Debian:12/stable, Debian:12/updates [all])',
    'Inst libc6 [2.36-9] (2.36-10 Debian:12/stable [amd64]) [libc6:amd64 on x:amd64]',
    'Conf libssl3 (3.0.22-1~deb12u2 Debian-Security:12/stable-security [amd64])',
  ].join('\n');
  assert.deepEqual(parseSimulation(output), [
    { name: 'gcc-12-base', version: '12.2.0-14', architecture: 'amd64' },
    { name: 'libc6', version: '2.36-10', architecture: 'amd64' },
    { name: 'libssl3', version: '3.0.22-1~deb12u2', architecture: 'amd64' },
    { name: 'tzdata', version: '2026f-0+deb12u1', architecture: 'all' },
  ]);
});
