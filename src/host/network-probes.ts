import type { KnockOutcome, NameOutcome, PathObservation } from '../model/network-examination.ts';

/** Where a probe of the ways between nodes begins and leads. */
export interface DataPathPlan {
  readonly self: { readonly address: string; readonly place: number };
  readonly peers: readonly {
    readonly nodeId: string;
    readonly address: string;
    readonly place: number;
  }[];
  /** UDP, of the networks between nodes. */
  readonly port: number;
  /** Of this node's link to the others. */
  readonly linkMtu: number;
  /** Of packets as large as containers send. */
  readonly fullBytes: number;
}

/** Answers other nodes from when it is opened until it is disposed of. */
export interface DataPathProbe extends AsyncDisposable {
  /** Asks every peer; nodes that begin a few seconds later are waited for. */
  look(signal: AbortSignal): Promise<{
    readonly paths: readonly PathObservation[];
    /** Node ids: something of theirs arrived here until now. */
    readonly heard: readonly string[];
  }>;
}

/** How a node looks at its network. Nothing that it makes outlives this process. */
export interface NetworkProbes {
  openDataPath(plan: DataPathPlan, signal: AbortSignal): Promise<DataPathProbe>;
  /** Asks a name server for the address of a name, in the network of a process. */
  askName(
    question: { readonly pid: number; readonly server: string; readonly name: string },
    signal: AbortSignal,
  ): Promise<NameOutcome>;
  /** Opens a TCP connection and closes it. */
  knock(address: string, port: number): Promise<KnockOutcome>;
  /** JSON, as `nft` prints the chains of all tables; empty where it cannot. */
  listChains(): Promise<string>;
  /** Whether bridged packets pass the packet filter. */
  bridgeFilter(): Promise<'on' | 'off' | 'missing'>;
}
