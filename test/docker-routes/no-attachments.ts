import type { Attachments } from '../../src/host/attachments.ts';

/** Of a machine that is in no cluster. */
export const noAttachments: Attachments = {
  attach: async () => await Promise.resolve(undefined),
  settle: async () => await Promise.resolve(),
  engineNetwork: () => undefined,
  untilNoted: async () => await Promise.resolve(),
};
