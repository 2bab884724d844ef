import type { PlaygroundState } from './state.ts';

/** In the fabric's own network namespace, where nobody else has rules. */
const table = 'bridge tutti_playground';
const tenThousand = 10_000;

/**
 * The packet filter of the fabric, whole, for `nft -f`: a transaction that replaces what was there.
 * Ports of the bridge are called as the hosts that they lead to.
 */
export function renderFabricRules({
  cuts,
  losses,
}: Pick<PlaygroundState, 'cuts' | 'losses'>): string {
  const port = (name: string): string => JSON.stringify(name);
  const rules = [
    ...cuts.map(({ from, to }) => `iifname ${port(from)} oifname ${port(to)} drop`),
    ...losses.map(({ host, direction, ofTenThousand }) => {
      const side = direction === 'out' ? 'iifname' : 'oifname';
      const dice = `numgen random mod ${tenThousand} < ${ofTenThousand}`;
      return `${side} ${port(host)} ${dice} drop`;
    }),
  ];
  const chain = ['type filter hook forward priority filter; policy accept;', ...rules];
  return [
    `add table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    '  chain links {',
    ...chain.map((line) => `    ${line}`),
    '  }',
    '}',
    '',
  ].join('\n');
}
