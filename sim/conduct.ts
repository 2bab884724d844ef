import type { Prng } from '../src/lib/prng.ts';

/** What a simulated container does by itself, from the moment it is started. */
export interface Conduct {
  readonly startMs: number;
  /** How long it takes to stop after the stop signal; undefined: it ignores the signal. */
  readonly stopMs: number | undefined;
  /** When its health check says something for the first time; undefined: it has none. */
  readonly healthAfterMs?: number;
  readonly health?: 'healthy' | 'unhealthy';
  readonly exit?: { readonly afterMs: number; readonly code: number; readonly memory: boolean };
}

/** Images by what their containers do. The part after the colon is free. */
export const imageKinds = [
  'plain',
  'slow',
  'late',
  'sick',
  'crashing',
  'working',
  'stubborn',
  'missing',
] as const;

type ImageKind = (typeof imageKinds)[number];

/** Draws the conduct of one container of an image such as `crashing:3`. */
export function drawConduct(image: string, dice: Prng): Conduct {
  const kind = image.split(':')[0] as ImageKind;
  const plain = { startMs: dice.below(200), stopMs: dice.below(300) };
  switch (kind) {
    case 'slow':
      return { ...plain, startMs: dice.below(8_000), stopMs: dice.below(4_000) };
    case 'late':
      return { ...plain, healthAfterMs: dice.below(9_000), health: 'healthy' };
    case 'sick': {
      const health = dice.chance(0.6) ? 'unhealthy' : 'healthy';
      return { ...plain, healthAfterMs: dice.below(7_000), health };
    }
    case 'crashing': {
      if (dice.chance(0.3)) return plain;
      const exit = { afterMs: dice.below(12_000), code: dice.below(3), memory: dice.chance(0.1) };
      return { ...plain, exit };
    }
    case 'working': {
      const code = dice.chance(0.8) ? 0 : 1;
      return { ...plain, exit: { afterMs: dice.below(6_000), code, memory: false } };
    }
    case 'stubborn':
      return { ...plain, stopMs: undefined };
    case 'plain':
    case 'missing':
      return plain;
  }
}
