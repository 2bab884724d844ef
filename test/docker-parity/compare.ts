import type { Difference } from './differences.ts';
import { maskOutput, sortLines } from './masks.ts';
import type { Output } from './run-step.ts';
import { nameOf, type Step } from './step.ts';

export interface Pair {
  readonly step: Step;
  readonly swarm: Output;
  readonly tutti: Output;
}

export interface Comparison {
  readonly name: string;
  /** What Swarm says and what Tutti says, masked and without the listed differences. */
  readonly swarm: string;
  readonly tutti: string;
  readonly used: ReadonlySet<Difference>;
}

/** Holds the outputs of one command side by side. */
export function compare(pair: Pair, differences: readonly Difference[]): Comparison {
  const name = nameOf(pair.step);
  const used = new Set<Difference>();
  const side = (which: 'swarm' | 'tutti'): string => {
    const output = pair[which];
    const text = (stream: 'stdout' | 'stderr'): string => {
      let masked = maskOutput(output[stream]);
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
  return { name, swarm: side('swarm'), tutti: side('tutti'), used };
}
