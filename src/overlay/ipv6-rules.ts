import type { NetworkAssignment } from '../model/assignment.ts';
import { bridgeName, bridgePrefix } from './bridge-name.ts';
import type { Ruleset } from './ruleset.ts';

const tableName = 'ip6 tutti';
const ofOurs = `"${bridgePrefix}*"`;

/**
 * What IPv6 may do on the bridges of a node: pass between members of one network, and nothing else.
 * The container engine (20.10) makes the machine forward IPv6 and closes nothing, not even for
 * internal networks. Closed is every bridge of ours, whether it is known by now or not.
 */
export function ipv6Rules(networks: Iterable<NetworkAssignment>): Ruleset {
  const bridges = [...networks]
    .filter(({ predefined, ingress }) => !predefined && !ingress)
    .map(({ networkId }) => `"${bridgeName(networkId)}"`);
  const within = new Map(bridges.map((bridge) => [`${bridge} . ${bridge}`, '']));
  return {
    table: tableName,
    chains: new Map([
      [
        'forward',
        [
          'type filter hook forward priority -5; policy accept;',
          // Frames that a bridge passes on come by here, too.
          'iifname . oifname @within accept',
          // Said at once, so that who has an address of IPv4 as well takes that.
          `iifname ${ofOurs} reject with icmpv6 type admin-prohibited`,
          `oifname ${ofOurs} drop`,
        ],
      ],
      [
        'input',
        [
          'type filter hook input priority 0; policy accept;',
          `iifname != ${ofOurs} accept`,
          'ct state established,related accept',
          // Whose gateway this is, and whether it is there.
          'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, echo-request } accept',
          'reject with icmpv6 type admin-prohibited',
        ],
      ],
    ]),
    collections: new Map([['within', { kind: 'set', type: 'typeof iifname . oifname' }]]),
    sources: [new Map([['networks', { part: { within } }]])],
  };
}
