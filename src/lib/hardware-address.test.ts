import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hardwareAddress } from './hardware-address.ts';

test('a hardware address holds the address as container engines write it', () => {
  assert.equal(hardwareAddress('10.0.1.5'), '02:42:0a:00:01:05');
  assert.equal(hardwareAddress('192.168.255.254'), '02:42:c0:a8:ff:fe');
});
