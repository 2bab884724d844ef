import { hardwareAddress } from '../lib/hardware-address.ts';
import { ipv6AddressOf } from '../model/ipv6.ts';
import { forwardingText, linkOf, linkOrders, linkText, type SpanOrders } from './span-tables.ts';
import type { Span } from './spans.ts';

/**
 * Of these spans, those of whose devices and bridges nothing is known: there is nothing to compare
 * them with, which of thousands of tasks takes longer than to say what is to be.
 *
 * @param isKnown Whether the kernel has anything of a span's device.
 */
export function partNewSpans(
  spans: readonly Span[],
  isKnown: (span: Span) => boolean,
): { readonly fresh: readonly Span[]; readonly others: readonly Span[] } {
  const isFresh = (span: Span): boolean => span.ways === undefined && !isKnown(span);
  return {
    fresh: spans.filter(isFresh),
    others: spans.filter((span) => !isFresh(span)),
  };
}

/** What `spanDifference` from nothing orders for spans that are ports of bridges. */
export function newSpanOrders(spans: readonly Span[]): SpanOrders {
  const ip: string[] = [];
  const bridge: string[] = [];
  for (const span of spans) {
    const { device, bridge: master, tunnel, subnets } = span;
    ip.push(...linkOrders(device, linkText(linkOf(span))));
    for (const [address, node] of span.remotes) {
      const hardware = hardwareAddress(address);
      const entry = `fdb replace ${hardware} dev ${device}`;
      if (tunnel === undefined) bridge.push(`${entry} dst ${node} self master static sticky`);
      else {
        bridge.push(`${entry} dst ${forwardingText(node, tunnel)} self permanent`);
        bridge.push(`${entry} master static sticky`);
      }
      ip.push(`neighbour replace ${address} dev ${master} lladdr ${hardware} nud permanent`);
      const ipv6 = subnets && ipv6AddressOf(subnets, address);
      if (ipv6 === undefined) continue;
      ip.push(`neighbour replace ${ipv6} dev ${master} lladdr ${hardware} nud permanent`);
    }
  }
  return { ip, bridge };
}
