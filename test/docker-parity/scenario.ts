import { begin } from './chapter-begin.ts';
import { ending } from './chapter-end.ts';
import { local } from './chapter-local.ts';
import { flags } from './chapter-flags.ts';
import { attachable, happened, objects } from './chapter-objects.ts';
import { refused } from './chapter-refused.ts';
import { services } from './chapter-services.ts';
import { stacks } from './chapter-stacks.ts';
import type { Chapter } from './step.ts';

/** A cluster from its beginning to its end, as a person would go through it. */
export const scenario: readonly Chapter[] = [
  begin,
  objects,
  attachable,
  // An engine remembers its last 256 events: what they tell is asked before more come.
  happened,
  local,
  [...services, ...stacks, ...flags, ...refused],
  ending,
];
