import type { Instant } from './instant.ts';

/** What a node has of a container that is no task, on one network of the cluster. */
export interface AttachedContainer {
  readonly networkId: string;
  /** Without prefix length. */
  readonly address: string;
  readonly containerId: string;
  readonly name: string;
  /** Those that it was given on this network. */
  readonly aliases: readonly string[];
  /** Whether it is on the network now. */
  readonly running: boolean;
}

/**
 * Everything that a node has of them. `coming`: ids of attachments for which it is making a
 * container.
 */
export interface AttachmentReport {
  /** Rises with each report; it is what the answer names. */
  readonly number: number;
  readonly coming: readonly string[];
  readonly containers: readonly AttachedContainer[];
}

/** The place of a container on a network: a row, from before the container is made. */
export interface Attachment {
  /** Chosen by the node. */
  readonly id: string;
  readonly nodeId: string;
  readonly networkId: string;
  /** With the prefix length of the network, as tasks have it. */
  readonly address: string;
  readonly createdAt: Instant;
  /** Absent while it is made. */
  readonly container?: Pick<AttachedContainer, 'containerId' | 'name' | 'aliases' | 'running'>;
}
