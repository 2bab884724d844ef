import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FlowKind, flowsOf, withFlows } from './flow-listing.ts';

/** As `conntrack -L` prints it. */
const listed = [
  'udp      17 29 src=10.0.0.2 dst=10.0.1.9 sport=4000 dport=53 [UNREPLIED]' +
    ' src=10.0.0.7 dst=10.0.0.2 sport=53 dport=4000 mark=0 use=1',
  'tcp      6 118 SYN_SENT src=10.0.0.8 dst=10.0.1.9 sport=4001 dport=80 [UNREPLIED]' +
    ' src=10.0.0.70 dst=10.0.0.8 sport=80 dport=4001 mark=0 use=1',
  '',
].join('\n');

test('only who would answer a flow has one', () => {
  const asked = ['10.0.0.7', '10.0.0.8', '10.0.0.70', '10.0.0.9'];
  assert.deepEqual(withFlows(listed, asked), ['10.0.0.7', '10.0.0.70']);
  assert.deepEqual(withFlows('', asked), []);
});

/** As the kernel lists it. */
const kernelList = [
  'ipv4     2 tcp      6 110 SYN_SENT src=10.0.0.8 dst=10.0.1.9 sport=1 dport=80 [UNREPLIED]' +
    ' src=10.0.0.70 dst=10.0.0.8 sport=80 dport=1 mark=0 zone=0 use=2',
  'ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.8 dst=10.0.1.9 sport=2 dport=80' +
    ' src=10.0.0.71 dst=10.0.0.8 sport=80 dport=2 [ASSURED] mark=0 zone=0 use=2',
  'ipv4     2 udp      17 29 src=10.0.0.2 dst=10.0.1.9 sport=4000 dport=53 [UNREPLIED]' +
    ' src=10.0.0.7 dst=10.0.0.2 sport=53 dport=4000 mark=0 zone=0 use=2',
  '',
].join('\n');

test('flows are told apart by protocol and state', () => {
  const asked = ['10.0.0.7', '10.0.0.70', '10.0.0.71'];
  const found = (kind: FlowKind) => withFlows(flowsOf(kind, kernelList), asked);
  assert.deepEqual(found({ protocol: 'udp' }), ['10.0.0.7']);
  assert.deepEqual(found({ protocol: 'tcp', state: 'SYN_SENT' }), ['10.0.0.70']);
  assert.deepEqual(found({ protocol: 'tcp' }), ['10.0.0.70', '10.0.0.71']);
});
