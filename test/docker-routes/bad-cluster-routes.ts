import { type BadRoute, badDocuments, badFilters } from './bad-case.ts';

const node = { Role: 'manager', Availability: 'active', Labels: {} };
const selfUpdate = 'POST /nodes/self/update';

/** Requests about nodes, networks and the cluster itself that must be refused. */
export const badClusterRoutes: readonly BadRoute[] = [
  {
    line: 'GET /nodes',
    cases: [
      ...badFilters('/nodes'),
      {
        what: 'an unknown role',
        line: `GET /nodes?filters=${encodeURIComponent('{"role":["boss"]}')}`,
        status: 400,
        says: /role=boss/,
      },
    ],
  },
  {
    line: `${selfUpdate}?version=@node`,
    cases: [
      ...badDocuments,
      {
        what: 'no role',
        body: { Availability: 'active' },
        status: 400,
        says: /Role: must be one of manager, worker, not absent/,
      },
      {
        what: 'an unknown availability',
        body: { ...node, Availability: 'off' },
        status: 400,
        says: /Availability: must be one of active, pause, drain/,
      },
      {
        what: 'labels as a list',
        body: { ...node, Labels: ['a=b'] },
        status: 400,
        says: /Labels: must be an object/,
      },
      {
        what: 'an unknown key',
        body: { ...node, Zone: 'a' },
        status: 400,
        says: /Zone: unknown key/,
      },
      { what: 'no version', line: selfUpdate, body: node, status: 400, says: /invalid version ''/ },
      {
        what: 'an old version',
        line: `${selfUpdate}?version=0`,
        body: { ...node, Availability: 'drain' },
        status: 409,
        says: /update out of sequence/,
      },
      {
        what: 'the last manager as worker',
        body: { ...node, Role: 'worker' },
        status: 400,
        says: /attempting to demote the last manager of the swarm/,
      },
      {
        what: 'a node that is not there',
        line: 'POST /nodes/nope/update?version=1',
        body: node,
        status: 404,
        says: /node nope not found/,
      },
    ],
  },
  {
    line: 'POST /networks/create',
    cases: [
      ...badDocuments,
      { what: 'no name', body: { Driver: 'overlay' }, status: 400, says: /name must be provided/ },
      {
        what: 'a name with a path',
        body: { Driver: 'overlay', Name: '../x' },
        status: 400,
        says: /name must be valid/,
      },
      {
        what: 'a name that is taken',
        body: { Driver: 'overlay', Name: 'net1' },
        status: 409,
        says: /network with name net1 already exists/,
      },
      {
        what: 'an unknown driver',
        body: { Driver: 'weave', Name: 'x' },
        status: 501,
        says: /Driver/,
      },
      {
        what: 'an unknown key',
        body: { Driver: 'overlay', Name: 'x', Atachable: true },
        status: 400,
        says: /Atachable: unknown key/,
      },
      {
        what: 'a subnet that is none',
        body: { Driver: 'overlay', Name: 'x', IPAM: { Config: [{ Subnet: '10.0.0' }] } },
        status: 400,
        says: /ubnet/,
      },
      {
        what: 'a pool without subnet',
        body: { Driver: 'overlay', Name: 'x', IPAM: { Config: [{ Gateway: '10.0.0.1' }] } },
        status: 400,
        says: /IPAM\.Config\[0\]\.Subnet: is missing/,
      },
      {
        what: 'a subnet of the machine',
        body: { Driver: 'overlay', Name: 'x', IPAM: { Config: [{ Subnet: '192.168.1.0/24' }] } },
        status: 400,
        says: /192\.168\.1\.0\/24/,
      },
      {
        what: 'an unknown IPAM driver',
        body: { Driver: 'overlay', Name: 'x', IPAM: { Driver: 'dhcp' } },
        status: 501,
        says: /IPAM\.Driver/,
      },
      {
        what: 'a flag as text',
        body: { Driver: 'overlay', Name: 'x', Attachable: 'yes' },
        status: 400,
        says: /Attachable: must be true or false/,
      },
      {
        what: 'a second ingress network',
        body: { Driver: 'overlay', Name: 'x', Ingress: true },
        status: 409,
        says: /ingress network/,
      },
      {
        what: 'a configuration network',
        body: { Driver: 'overlay', Name: 'x', ConfigOnly: true },
        status: 501,
        says: /ConfigOnly/,
      },
    ],
  },
  {
    line: 'GET /networks',
    cases: [
      ...badFilters('/networks'),
      {
        what: 'an unknown type',
        line: `GET /networks?filters=${encodeURIComponent('{"type":["big"]}')}`,
        status: 400,
        says: /type/,
      },
    ],
  },
  {
    line: 'POST /swarm/update?version=@swarm',
    cases: [
      ...badDocuments,
      {
        what: 'no version',
        line: 'POST /swarm/update',
        body: {},
        status: 400,
        says: /invalid version ''/,
      },
      {
        what: 'an old version',
        line: 'POST /swarm/update?version=0',
        body: { Orchestration: { TaskHistoryRetentionLimit: 1 } },
        status: 409,
        says: /update out of sequence/,
      },
      {
        what: 'a limit as text',
        body: { Orchestration: { TaskHistoryRetentionLimit: '5' } },
        status: 400,
        says: /Orchestration\.TaskHistoryRetentionLimit: must be a number/,
      },
      {
        what: 'an unknown key',
        body: { Orchestration: { TaskHistory: 5 } },
        status: 400,
        says: /Orchestration\.TaskHistory: unknown key/,
      },
      {
        what: 'autolock as text',
        body: { EncryptionConfig: { AutoLockManagers: 'yes' } },
        status: 400,
        says: /EncryptionConfig\.AutoLockManagers/,
      },
      {
        what: 'an external authority',
        body: { CAConfig: { ExternalCAs: [{ Protocol: 'cfssl', URL: 'https://x' }] } },
        status: 501,
        says: /CAConfig\.ExternalCAs/,
      },
      {
        what: 'a new authority',
        body: { CAConfig: { SigningCACert: 'x' } },
        status: 501,
        says: /CAConfig/,
      },
      {
        what: 'a heartbeat of a nanosecond',
        body: { Dispatcher: { HeartbeatPeriod: 1 } },
        status: 400,
        says: /eartbeat/,
      },
    ],
  },
  {
    line: 'GET /events',
    cases: [
      ...badFilters('/events'),
      { what: 'a date as since', line: 'GET /events?since=yesterday', status: 400, says: /since/ },
      {
        what: 'an end before the beginning',
        line: 'GET /events?since=5&until=1',
        status: 400,
        says: /since/,
      },
    ],
  },
  {
    line: 'DELETE',
    cases: [
      {
        what: 'a service that is not there',
        line: 'DELETE /services/nope',
        status: 404,
        says: /service nope not found/,
      },
      {
        what: 'a network that is not there',
        line: 'DELETE /networks/nope',
        status: 404,
        says: /network nope not found/,
      },
      {
        what: 'a network in use',
        line: 'DELETE /networks/net1',
        status: 400,
        says: /network net1 is in use by/,
      },
      {
        what: 'the node itself',
        line: 'DELETE /nodes/self',
        status: 400,
        says: /is a cluster manager/,
      },
      {
        what: 'a node that is not there',
        line: 'DELETE /nodes/nope',
        status: 404,
        says: /node nope not found/,
      },
      {
        what: 'a secret that is not there',
        line: 'DELETE /secrets/nope',
        status: 404,
        says: /secret nope not found/,
      },
      {
        what: 'a secret in use',
        line: 'DELETE /secrets/sec',
        status: 400,
        says: /secret 'sec' is in use by the following service: w/,
      },
      {
        what: 'a config in use',
        line: 'DELETE /configs/cfg',
        status: 400,
        says: /config 'cfg' is in use by the following service: w/,
      },
      {
        what: 'a predefined network',
        line: 'DELETE /networks/host',
        status: 403,
        says: /pre-defined/,
      },
    ],
  },
  {
    line: 'GET',
    cases: [
      { what: 'an unknown path', line: 'GET /pods', status: 501, says: /no such route/ },
      {
        what: 'a path that does not decode',
        line: 'GET /services/%zz',
        status: 501,
        says: /no such route/,
      },
      {
        what: 'a version that is too new',
        line: 'GET /v1.99/services',
        status: 400,
        says: /too new/,
      },
      {
        what: 'a version that is too old',
        line: 'GET /v1.1/services',
        status: 400,
        says: /too old/,
      },
      {
        what: 'a service that is not there',
        line: 'GET /services/..%2Fw',
        status: 404,
        says: /service \.\.\/w not found/,
      },
      {
        what: 'a task that is not there',
        line: 'GET /tasks/nope',
        status: 404,
        says: /task nope not found/,
      },
      {
        what: 'a secret that is not there',
        line: 'GET /secrets/nope',
        status: 404,
        says: /secret nope not found/,
      },
      {
        what: 'a network that is not there',
        line: 'GET /networks/nope',
        status: 404,
        says: /network nope not found/,
      },
    ],
  },
  {
    line: 'POST /swarm',
    cases: [
      {
        what: 'a second cluster',
        line: 'POST /swarm/init',
        body: {},
        status: 503,
        says: /already part of a swarm/,
      },
      {
        what: 'leaving without force',
        line: 'POST /swarm/leave',
        status: 503,
        says: /Use `--force`/,
      },
      {
        what: 'unlocking what is not locked',
        line: 'POST /swarm/unlock',
        body: {},
        status: 409,
        says: /swarm is not locked/,
      },
    ],
  },
];
