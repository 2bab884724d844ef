import { TuttiError } from '../lib/error.ts';
import type { HostTarget } from '../playground/host-changes.ts';
import { parts } from '../playground/processes.ts';

export const hostTargets = [...parts, 'all'] as const;

/**
 * @throws TuttiError `unimplemented` for hosts without an engine.
 */
export function checkEngine(kind: string): void {
  if (kind === 'docker') return;
  const error =
    kind === 'none'
      ? '--engine: hosts without a container engine are not there yet; the simulation has them'
      : `--engine: expected docker, found "${kind}"`;
  throw new TuttiError(kind === 'none' ? 'unimplemented' : 'invalid-argument', error, {
    field: '--engine',
    hint: 'Leave it out: every host gets a container engine of its own.',
  });
}

/** Values of an option that is given several times. */
export function collect(one: string, before: readonly string[] = []): readonly string[] {
  return [...before, one];
}

/** `a,b` */
export function splitNames(text: string): readonly string[] {
  return text.split(',').filter((name) => name !== '');
}

/** `a,b c` */
export function splitMore(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...splitNames(text)];
}

/** A whole number. */
export function parseCount(field: string): (text: string) => number {
  return (text) => {
    if (/^\d{1,4}$/.test(text)) return Number(text);
    throw new TuttiError('invalid-argument', `${field}: expected a whole number, found "${text}"`, {
      field,
    });
  };
}

/** How many of ten thousand packets. */
export function parsePercent(text: string): number {
  const percent = /^(\d{1,3}(?:\.\d{1,2})?)%?$/.exec(text)?.[1];
  if (percent !== undefined && Number(percent) <= 100) return Math.round(Number(percent) * 100);
  throw new TuttiError(
    'invalid-argument',
    `percent: expected a number from 0% to 100% such as 10%, found "${text}"`,
    { field: 'percent' },
  );
}

/** What of a host. */
export function parseTarget(text: string): HostTarget {
  const target = hostTargets.find((one) => one === text);
  if (target !== undefined) return target;
  throw new TuttiError(
    'invalid-argument',
    `target: expected ${hostTargets.join(', ')}, found "${text}"`,
    { field: 'target' },
  );
}
