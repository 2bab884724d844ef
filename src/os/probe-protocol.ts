import type { NameOutcome, PathObservation } from '../model/network-examination.ts';

export interface ProbedPeer {
  readonly nodeId: string;
  /** By the device that lets packets be cut in pieces, and by the one that does not. */
  readonly address: string;
  readonly wholeAddress: string;
}

/** What is asked of the process that sends packets; `listen` comes before `paths`. */
export type ProbeOrder =
  | { readonly kind: 'listen' }
  | {
      readonly kind: 'paths';
      readonly peers: readonly ProbedPeer[];
      /** Of a container's packet of full size. */
      readonly fullBytes: number;
      /** Of the largest packet that the own link takes, without what VXLAN adds. */
      readonly largestBytes: number;
    }
  | { readonly kind: 'name'; readonly server: string; readonly name: string };

/** What it says; `largestBytes` of a path is without what VXLAN adds. */
export type ProbeAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'listening' }
  | {
      readonly kind: 'paths';
      readonly paths: readonly PathObservation[];
      readonly heard: readonly string[];
    }
  | { readonly kind: 'name'; readonly outcome: NameOutcome }
  | { readonly kind: 'failed'; readonly message: string };

/** RFC 862; nothing else is in that network. */
export const echoPort = 7;
