/** The kernel's VXLAN devices, and what it knows of what is behind them. */
export interface SpanDevices {
  /** JSON, as `ip` and `bridge` print it; empty where there is nothing. */
  listSpans(): Promise<{
    readonly links: string;
    readonly forwarding: string;
    readonly neighbours: string;
    readonly routes: string;
    readonly rules: string;
  }>;
  /**
   * Carries out lines of `ip -batch` and then of `bridge -batch`. `lenient`: goes on after a line
   * that fails, for what was to go may have gone already. `onUnderWay` is told when there is
   * nothing to do but to wait for the kernel.
   */
  orderSpans(
    orders: { readonly ip: readonly string[]; readonly bridge: readonly string[] },
    how: { readonly lenient: boolean; readonly onUnderWay?: () => void },
  ): Promise<void>;
  /**
   * Lets packets come in by the device that are not answered by it. The machine may be set to drop
   * them, and a setting for all devices may come back; idempotent.
   */
  acceptDetours(device: string): Promise<void>;
  /**
   * Lets packets of one connection that come by the device shortly after each other go on as one:
   * what comes by a program in the kernel's place comes one by one, and each would pass bridge and
   * packet filter by itself. Idempotent.
   *
   * @returns What keeps the machine from it: it is slower without, and nothing else.
   */
  gatherPackets(device: string): Promise<string | undefined>;
}
