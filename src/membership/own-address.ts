import type { OwnAddress } from '../model/own-address.ts';
import type { MembershipOptions } from './membership-options.ts';

/** Where others find a node, and by which of its devices they come. */
export interface KnownAddress {
  readonly address: string;
  /** Absent: no device had the address when it was looked at, as behind a router. */
  readonly device?: string;
}

/**
 * The address of a node, by the addresses that its machine has now: it changes with the device that
 * had it, and only once that has another one. An address that the machine never had is a person's
 * word, and stays.
 */
function followDevice(known: KnownAddress, present: readonly OwnAddress[]): KnownAddress {
  const { address, device } = known;
  const kept = present.find((own) => own.address === address);
  if (kept !== undefined) return { address, device: kept.device };
  return present.find((own) => own.device === device) ?? known;
}

/** What a person says counts; else the address of the device that had the one before. */
export async function addressNow(
  { address, device }: KnownAddress,
  machine: Pick<MembershipOptions, 'ownAddresses' | 'advertiseAddress'>,
): Promise<KnownAddress> {
  const known = { address, ...(device !== undefined && { device }) };
  if (machine.ownAddresses === undefined) return known;
  // The device that a person named may be away for a while.
  const said = await machine.advertiseAddress?.().catch(() => undefined);
  const present = machine.ownAddresses();
  return followDevice(said === undefined ? known : { address: said }, present);
}
