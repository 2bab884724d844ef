import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { findCommand } from '../bootstrap/apt.mjs';
import { runProgram } from '../bootstrap/run.mjs';

const families = ['iptables', 'ip6tables'] as const;
const forwardingFile = '/proc/sys/net/ipv4/ip_forward';

/** What a container engine leaves in the kernel when it stops, as it was before it started. */
interface PacketFilter {
  readonly rules: readonly string[];
  readonly forwarding: string;
}

/**
 * @param file Where the answer is kept while the engine runs: it outlives a run that is killed, and
 *   then the next run knows what was before both.
 */
export async function rememberPacketFilter(file: string): Promise<PacketFilter> {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as PacketFilter;
  const lists = await Promise.all(families.map(listRules));
  const before = {
    rules: lists.flat().map((rule) => rule.text),
    forwarding: readFileSync(forwardingFile, 'utf8'),
  };
  writeFileSync(file, JSON.stringify(before));
  return before;
}

/** Removes the chains of a stopped engine and the jumps into them, where they were not before. */
export async function restorePacketFilter(before: PacketFilter): Promise<void> {
  const rules = new Set(before.rules);
  for (const family of families) {
    const present = await listRules(family);
    const added = present.filter(({ text }) => !rules.has(text));
    const isEngines = ({ rule }: FilterRule) => rule.some((word) => word.startsWith('DOCKER'));
    for (const { table, rule } of added.filter(isEngines)) {
      if (rule[0] === '-A') await change(family, ['-t', table, '-D', ...rule.slice(1)]);
    }
    for (const { table, rule } of added.filter(isEngines)) {
      if (rule[0] === '-N') await change(family, ['-t', table, '-X', ...rule.slice(1)]);
    }
    const policy = 'filter -P FORWARD ACCEPT';
    const isAsBefore = present.some(({ text }) => text === `${family} ${policy}`);
    // Saying it again would make a table where none was.
    if (rules.has(`${family} ${policy}`) && !isAsBefore) {
      await change(family, policy.split(' ').slice(1));
    }
  }
  writeFileSync(forwardingFile, before.forwarding);
}

interface FilterRule {
  readonly table: string;
  /** The parameters of iptables that would make the rule. */
  readonly rule: readonly string[];
  readonly text: string;
}

async function listRules(family: (typeof families)[number]): Promise<readonly FilterRule[]> {
  const program = findCommand(family);
  if (program === undefined) return [];
  const lists = ['filter', 'nat'].map(async (table) => {
    const { output } = await runProgram(program, ['-t', table, '-S']);
    return output
      .split('\n')
      .filter((line) => line.startsWith('-'))
      .map((line) => ({ table, rule: line.split(' '), text: `${family} ${table} ${line}` }));
  });
  return (await Promise.all(lists)).flat();
}

async function change(family: string, parameters: readonly string[]): Promise<void> {
  const { code, output } = await runProgram(findCommand(family) ?? family, parameters);
  if (code !== 0) throw new Error(`${family} ${parameters.join(' ')} failed: ${output}`);
}
