/** The kernel's VXLAN devices, and what it knows of what is behind them. */
export interface SpanDevices {
  /** JSON, as `ip` and `bridge` print it; empty where there is nothing. */
  listSpans(): Promise<{
    readonly links: string;
    readonly forwarding: string;
    readonly neighbours: string;
  }>;
  /**
   * Carries out lines of `ip -batch` and then of `bridge -batch`. `lenient`: goes on after a line
   * that fails, for what was to go may have gone already.
   */
  orderSpans(
    orders: { readonly ip: readonly string[]; readonly bridge: readonly string[] },
    how: { readonly lenient: boolean },
  ): Promise<void>;
}
