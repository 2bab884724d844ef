import type { Difference } from './differences.ts';
import { maskOutput, sortLines } from './masks.ts';
import type { Refusal } from './refusals.ts';
import type { Output } from './run-step.ts';
import { nameOf, type Step } from './step.ts';

export interface Pair {
  readonly step: Step;
  readonly swarm: Output;
  readonly tutti: Output;
}

/** What may differ, each with its reason. */
export interface Listed {
  readonly differences: readonly Difference[];
  readonly refusals: readonly Refusal[];
}

export interface Comparison {
  readonly name: string;
  /** What Swarm says and what Tutti says, masked and without the listed differences. */
  readonly swarm: string;
  readonly tutti: string;
  readonly used: ReadonlySet<Difference | Refusal>;
}

/** Holds the outputs of one command side by side. */
export function compare(pair: Pair, { differences, refusals }: Listed): Comparison {
  const name = nameOf(pair.step);
  const used = new Set<Difference | Refusal>();
  const swarm = maskAll(pair, pair.swarm);
  const tutti = maskAll(pair, pair.tutti);
  const refusal = refusals.find(
    (one) => name.includes(one.command) && isRefused(one, { swarm, tutti }),
  );
  if (refusal !== undefined) {
    used.add(refusal);
    const said = refusal.swarm === null ? '' : swarm.stderr.replace(refusal.swarm, '');
    const refused = refusal.swarm === null ? '' : tutti.stderr.replace(refusal.tutti, '');
    return { name, swarm: said, tutti: refused, used };
  }
  const side = (which: 'swarm' | 'tutti', output: Output): string => {
    const text = (stream: 'stdout' | 'stderr'): string => {
      let masked = output[stream];
      for (const difference of differences) {
        const pattern = difference[which];
        if (pattern === undefined || difference.stream !== stream) continue;
        if (!difference.commands.test(name) || masked.search(pattern) < 0) continue;
        masked = masked.replace(pattern, '');
        used.add(difference);
      }
      return (pair.step.anyOrder === true ? sortLines(masked) : masked).trim();
    };
    return `exit ${output.exitCode}\n--- stdout\n${text('stdout')}\n--- stderr\n${text('stderr')}\n`;
  };
  return { name, swarm: side('swarm', swarm), tutti: side('tutti', tutti), used };
}

function maskAll({ step }: Pair, output: Output): Output {
  const mask = (text: string): string =>
    step.anyOrder === true ? sortLines(maskOutput(text)) : maskOutput(text);
  return { ...output, stdout: mask(output.stdout), stderr: mask(output.stderr) };
}

function isRefused(
  refusal: Refusal,
  { swarm, tutti }: { readonly swarm: Output; readonly tutti: Output },
): boolean {
  if (tutti.exitCode === 0 || !tutti.stderr.includes(refusal.tutti)) return false;
  if (refusal.swarm === null) return swarm.exitCode === 0;
  const isSameElse = swarm.exitCode === tutti.exitCode && swarm.stdout === tutti.stdout;
  return isSameElse && swarm.stderr.includes(refusal.swarm);
}
