import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  parseLeftCall,
  parseMemberAnswer,
  parseMemberCall,
  parseSealingKey,
  peerUrlOf,
} from './manager-calls.ts';

test('members are found by https, IPv6 addresses in brackets', () => {
  assert.equal(peerUrlOf('192.0.2.1'), 'https://192.0.2.1:2380');
  assert.equal(peerUrlOf('2001:db8::1'), 'https://[2001:db8::1]:2380');
});

test('what is whole is taken as it is', () => {
  const ready = { step: 'ready', address: '192.0.2.1:2377', peerUrl: 'https://192.0.2.1:2380' };
  assert.deepEqual(parseMemberCall(ready), ready);
  const passedOn = { step: 'leaving', nodeId: 'n1' };
  assert.deepEqual(parseMemberCall(passedOn), passedOn);
  const waiting = { kind: 'waiting', why: 'it learns' };
  assert.deepEqual(parseMemberAnswer(waiting), waiting);
  const firstMembers = [{ name: 'n1', peerUrl: 'https://192.0.2.1:2380' }];
  const seated = { kind: 'seated', clusterId: 'c1', firstMembers };
  assert.deepEqual(parseMemberAnswer(seated), seated);
  const sealingKey = Buffer.alloc(32, 7).toString('base64');
  assert.equal(parseSealingKey({ sealingKey }), sealingKey);
  assert.deepEqual(parseLeftCall({ nodeId: 'n1' }), { nodeId: 'n1' });
});

test('what is not whole is refused by the name of its field', () => {
  const ready = { step: 'ready', address: '192.0.2.1:2377', peerUrl: 'https://192.0.2.1:2380' };
  const calls: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /JSON object/],
    [[], /JSON object/],
    [{}, /field step/],
    [{ step: 'rule' }, /field step/],
    [{ step: 'leaving', nodeId: 7 }, /field nodeId/],
    [{ ...ready, address: '' }, /field address/],
    [{ ...ready, peerUrl: 'nowhere' }, /field peerUrl/],
  ];
  for (const [call, says] of calls) assert.throws(() => parseMemberCall(call), says);
  const seated = { kind: 'seated', clusterId: 'c1', firstMembers: [] };
  const answers: readonly (readonly [unknown, RegExp])[] = [
    [{}, /field kind/],
    [{ kind: 'waiting' }, /field why/],
    [{ ...seated, clusterId: 1 }, /field clusterId/],
    [{ ...seated, firstMembers: 'a' }, /field firstMembers/],
    [{ ...seated, firstMembers: [{ name: 'n1' }] }, /field firstMembers/],
  ];
  for (const [answer, says] of answers) assert.throws(() => parseMemberAnswer(answer), says);
  for (const sealingKey of [undefined, '', 'c2hvcnQ=', `${'A'.repeat(43)}!`]) {
    assert.throws(() => parseSealingKey({ sealingKey }), /field sealingKey/);
  }
});
