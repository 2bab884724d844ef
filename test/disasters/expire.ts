import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { signingRoot } from '../../src/ca/rotation.ts';
import type { NodeIdentity } from '../../src/host/node-identity.ts';
import { CertificateAuthority } from '../../src/os/certificates-authority.ts';
import { NodeIdentityFile } from '../../src/os/certificates-files.ts';
import { SealingKey } from '../../src/os/certificates-seal.ts';
import { openDataLayout } from '../../src/os/data-layout.ts';
import { KeptAuthorityFile } from '../../src/os/kept-authority.ts';
import { MachineSeat } from '../../src/os/machine-seat.ts';
import { MachineKeys } from '../../src/os/node-keys.ts';
import { certificatesCommand } from '../certificates/workshop.ts';
import type { ClusterSite } from '../cluster/cluster-site.ts';

const dayMs = 24 * 3_600_000;
const lifeMs = 90 * dayMs;

/**
 * Gives hosts without power the certificates that they would have if they had been switched off
 * for long: of the cluster's own authority, for their own keys, and over since some days.
 */
export async function expireCertificates(
  site: ClusterSite,
  { hosts, endedDays }: { readonly hosts: readonly string[]; readonly endedDays: number },
): Promise<void> {
  const [manager = ''] = site.managers;
  const { sealingKeyPath, keptAuthorityPath } = await openDataLayout(site.dataDirectory(manager));
  const sealing = new SealingKey(sealingKeyPath);
  const authority = new CertificateAuthority({ command: certificatesCommand, sealing });
  const keys = new MachineKeys({ command: certificatesCommand });
  const kept = await new KeptAuthorityFile(keptAuthorityPath).load();
  const issuer = signingRoot(kept?.roots ?? []);
  if (kept === undefined || issuer?.sealedKey === undefined) throw new Error('no root is kept');
  const notAfter = Math.floor((Date.now() - endedDays * dayMs) / 1_000) * 1_000;
  for (const host of hosts) {
    const layout = await openDataLayout(site.dataDirectory(host));
    const file = new NodeIdentityFile(layout.identityPath);
    const identity = await file.load();
    if (identity?.membership === undefined) throw new Error(`${host} is in no cluster`);
    const { nodeId, key, membership } = identity;
    const { role = 'worker', clusterId, address } = membership;
    const certificate = await authority.signNode({
      nodeId,
      role,
      clusterId,
      ...(role === 'manager' && { addresses: [address] }),
      request: await keys.request(key),
      issuer: { certificate: issuer.certificate, sealedKey: issuer.sealedKey },
      notBefore: notAfter - lifeMs,
      notAfter,
    });
    const old: NodeIdentity = { nodeId, key, membership: { ...membership, certificate } };
    await file.save(old);
    await new MachineSeat(layout).renewed(old);
  }
  authority.close();
  keys.close();
}

/** When the certificate of a host's node ends, as its file says. */
export async function certificateOf(site: ClusterSite, host: string): Promise<string> {
  const path = join(site.dataDirectory(host), 'identity/node.json');
  const { membership } = JSON.parse(await readFile(path, 'utf8')) as NodeIdentity;
  return membership?.certificate ?? '';
}
