import type { DropPolicy } from '../model/network-examination.ts';

interface Listed {
  readonly chain?: {
    readonly family: string;
    readonly table: string;
    readonly name: string;
    readonly type?: string;
    readonly hook?: string;
    readonly policy?: string;
  };
}

const hooks: readonly DropPolicy['hook'][] = [
  'prerouting',
  'input',
  'forward',
  'output',
  'postrouting',
];
/** Whose rules IPv4 passes. */
const families: ReadonlySet<string> = new Set(['ip', 'inet', 'netdev', 'bridge']);

/** The chains that drop what no rule of theirs accepts, from `nft -j list chains`. */
export function dropPolicies(text: string): readonly DropPolicy[] {
  if (text.trim() === '') return [];
  const { nftables = [] } = JSON.parse(text) as { readonly nftables?: readonly Listed[] };
  return nftables.flatMap(({ chain }) => {
    if (chain?.policy !== 'drop' || !families.has(chain.family)) return [];
    const hook = hooks.find((one) => one === chain.hook);
    if (hook === undefined) return [];
    return [{ table: `${chain.family} ${chain.table}`, chain: chain.name, hook }];
  });
}
