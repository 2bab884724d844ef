import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { MadeRoot } from '../src/host/authority.ts';
import { type IssueOptions, newKey, Workshop } from './certificates/workshop.ts';

/* The openssl program judges what we sign: it knows nothing of us. */

const dayMs = 24 * 3_600_000;

let workshop: Workshop;
let root: MadeRoot;
let foreign: MadeRoot;

before(async () => {
  workshop = await Workshop.open();
  root = await workshop.createRoot();
  foreign = await workshop.createRoot();
});
after(async () => workshop[Symbol.asyncDispose]());

interface Verification {
  readonly trusted: string;
  readonly untrusted?: string;
  readonly options?: readonly string[];
}

/** What `openssl verify` says of a certificate: `OK`, or why not. */
async function judge(certificate: string, given: Verification): Promise<string> {
  const untrusted =
    given.untrusted === undefined ? [] : ['-untrusted', await workshop.file(given.untrusted)];
  const { code, stdout, stderr } = await workshop.openssl(
    'verify',
    '-x509_strict',
    '-no-CApath',
    '-no-CAstore',
    '-CAfile',
    await workshop.file(given.trusted),
    ...untrusted,
    ...(given.options ?? []),
    await workshop.file(certificate),
  );
  if (code === 0) return stdout.trim().replace(/^.*: /, '');
  return /error \d+ at .*: (.*)/.exec(stderr)?.[1] ?? stderr;
}

const certificateOf = async (options: Partial<IssueOptions> = {}): Promise<string> =>
  (await workshop.issue({ root, ...options })).certificate;

test('a root is believed by itself alone, and is for signing', async () => {
  assert.equal(await judge(root.certificate, { trusted: root.certificate }), 'OK');
  assert.match(
    await judge(root.certificate, { trusted: foreign.certificate }),
    /self-signed certificate/,
  );
  const { stdout } = await workshop.openssl(
    'x509',
    '-noout',
    '-subject',
    '-ext',
    'basicConstraints,keyUsage',
    '-in',
    await workshop.file(root.certificate),
  );
  assert.match(stdout, /subject=CN = swarm-ca/);
  assert.match(stdout, /Basic Constraints: critical\n\s+CA:TRUE\n/);
  assert.match(stdout, /Key Usage: critical\n\s+Certificate Sign, CRL Sign\n/);
});

test('a root lives for twenty years, and no day longer', async () => {
  const at = (years: number): readonly string[] => {
    const seconds = Math.floor((workshop.now + years * 365 * dayMs) / 1_000);
    return ['-attime', String(seconds)];
  };
  const judged = (years: number): Promise<string> =>
    judge(root.certificate, { trusted: root.certificate, options: at(years) });
  assert.equal(await judged(19.99), 'OK');
  assert.match(await judged(20.01), /expired/);
});

test('a node certificate says who the node is, and to what role and cluster it belongs', async () => {
  const certificate = await certificateOf({ nodeId: 'node-7', role: 'manager', clusterId: 'c9' });
  const { stdout } = await workshop.openssl(
    'x509',
    '-noout',
    '-subject',
    '-ext',
    'subjectAltName,basicConstraints,keyUsage',
    '-in',
    await workshop.file(certificate),
  );
  assert.match(stdout, /subject=O = c9, OU = swarm-manager, CN = node-7/);
  assert.match(stdout, /DNS:swarm-manager, DNS:node-7/);
  assert.match(stdout, /CA:FALSE/);
  assert.match(stdout, /Key Usage: critical\n\s+Digital Signature\n/);
});

test('a manager serves and asks, a worker asks only', async () => {
  const trusted = root.certificate;
  const judged = async (role: 'manager' | 'worker', purpose: string): Promise<string> =>
    await judge(await certificateOf({ role }), { trusted, options: ['-purpose', purpose] });
  assert.equal(await judged('manager', 'sslserver'), 'OK');
  assert.equal(await judged('manager', 'sslclient'), 'OK');
  assert.equal(await judged('worker', 'sslclient'), 'OK');
  assert.match(await judged('worker', 'sslserver'), /unsu\w+ certificate purpose/);
});

test('only a manager goes by the name of managers', async () => {
  const options = ['-verify_hostname', 'swarm-manager'];
  const judged = async (role: 'manager' | 'worker'): Promise<string> =>
    await judge(await certificateOf({ role }), { trusted: root.certificate, options });
  assert.equal(await judged('manager'), 'OK');
  assert.match(await judged('worker'), /[Hh]ostname mismatch/);
});

test('a certificate of a foreign authority, an expired and an early one are refused', async () => {
  const trusted = root.certificate;
  const { now } = workshop;
  assert.match(
    await judge(await certificateOf({ root: foreign }), { trusted }),
    /unable to get local issuer certificate/,
  );
  const expired = { notBefore: now - 2 * dayMs, notAfter: now - dayMs };
  assert.match(await judge(await certificateOf(expired), { trusted }), /expired/);
  const early = { notBefore: now + dayMs, notAfter: now + 2 * dayMs };
  assert.match(await judge(await certificateOf(early), { trusted }), /not yet valid/);
});

test('a certificate that ends after 2050 is written as X.509 wants it', async () => {
  const notAfter = Date.UTC(2055, 5, 1);
  const certificate = await certificateOf({ notAfter });
  assert.equal(await judge(certificate, { trusted: root.certificate }), 'OK');
  const path = await workshop.file(certificate);
  const { stdout } = await workshop.openssl('x509', '-noout', '-enddate', '-in', path);
  assert.equal(stdout.trim(), 'notAfter=Jun  1 00:00:00 2055 GMT');
});

test('a node that knows only the old root believes the new one through the cross-signature', async () => {
  const next = await workshop.createRoot();
  const third = await workshop.createRoot();
  const cross = async (to: MadeRoot, issuer: MadeRoot): Promise<string> =>
    await workshop.authority.signCross({
      root: to.certificate,
      issuer,
      notBefore: workshop.now - dayMs,
      notAfter: workshop.now + 3_650 * dayMs,
    });
  const nextByOld = await cross(next, root);
  const leaf = await certificateOf({ root: next });
  const old = root.certificate;
  assert.equal(await judge(leaf, { trusted: old, untrusted: nextByOld }), 'OK');
  assert.match(await judge(leaf, { trusted: old }), /unable to get local issuer/);
  assert.equal(await judge(leaf, { trusted: next.certificate }), 'OK');
  // And over two rotations.
  const thirdByNext = await cross(third, next);
  const later = await certificateOf({ root: third });
  assert.equal(await judge(later, { trusted: old, untrusted: thirdByNext + nextByOld }), 'OK');
  assert.match(await judge(later, { trusted: old, untrusted: thirdByNext }), /unable to get/);
  // With both trusted meanwhile, either is enough.
  const both = old + next.certificate;
  for (const certificate of [leaf, await certificateOf()]) {
    assert.equal(await judge(certificate, { trusted: both }), 'OK');
  }
});

test('whatever a request asks for, it gets what the cluster says', async () => {
  const keyPath = await workshop.file(newKey());
  const { stdout: greedy } = await workshop.openssl(
    'req',
    '-new',
    '-key',
    keyPath,
    '-subj',
    '/O=other/OU=swarm-manager/CN=somebody',
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'subjectAltName=DNS:swarm-manager',
  );
  const certificate = await workshop.sign(greedy, { root, nodeId: 'w1' });
  const { stdout } = await workshop.openssl(
    'x509',
    '-noout',
    '-text',
    '-in',
    await workshop.file(certificate),
  );
  assert.match(stdout, /Subject: O = c1, OU = swarm-worker, CN = w1/);
  assert.doesNotMatch(stdout, /CA:TRUE|swarm-manager|somebody/);
});

test('our requests are requests to others', async () => {
  const { request } = await workshop.requests.ask('request', { key: newKey() });
  const path = await workshop.file(request);
  const { code, stderr } = await workshop.openssl('req', '-verify', '-noout', '-in', path);
  assert.equal(code, 0, stderr);
});

const inPem = {
  publicKeyEncoding: { format: 'pem', type: 'spki' },
  privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
} as const;

const otherKeys: readonly (readonly [string, () => string])[] = [
  ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2_048, ...inPem }).privateKey],
  ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384', ...inPem }).privateKey],
  ['Ed25519', () => generateKeyPairSync('ed25519', inPem).privateKey],
];

for (const [name, make] of otherKeys) {
  test(`a request with a key of kind ${name} is refused`, async () => {
    const keyPath = await workshop.file(make());
    const made = await workshop.openssl('req', '-new', '-key', keyPath, '-subj', '/CN=x');
    await assert.rejects(workshop.sign(made.stdout, { root }), {
      code: 'invalid-argument',
      message: /its key is not of the curve P-256/,
    });
  });
}

test('a request that its own key did not sign is refused', async () => {
  const { request } = await workshop.requests.ask('request', { key: newKey() });
  const der = Buffer.from(request.replaceAll(/-----.*-----/g, ''), 'base64');
  // The last byte belongs to the signature.
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  const body = der.toString('base64');
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`;
  await assert.rejects(workshop.sign(forged, { root }), {
    code: 'invalid-argument',
    message: /not signed with its own key/,
  });
});

test('garbage is no request, and the process that reads it goes on', async () => {
  const { request } = await workshop.requests.ask('request', { key: newKey() });
  const halved = `${request.slice(0, 200)}\n-----END CERTIFICATE REQUEST-----\n`;
  for (const text of ['', 'hello', halved, randomBytes(300).toString('base64'), root.certificate]) {
    await assert.rejects(workshop.sign(text, { root }), { code: 'invalid-argument' });
  }
  assert.match(await certificateOf(), /BEGIN CERTIFICATE/);
});
