/** So many slots are callers spread over that are to stay, whatever the number of back ends. */
export const stickySlotCount = 256;

/**
 * The back end of each slot, none of which depends on the other back ends: one that comes takes
 * some slots of each, and one that goes leaves alone who does not have to move. The same on every
 * node (rendezvous hashing, Thaler and Ravishankar 1998).
 */
export function stickySlots(backEnds: readonly string[]): readonly string[] {
  if (backEnds.length === 0) return [];
  const hashed = backEnds.map((address) => ({ address, hash: hashText(address) }));
  return Array.from({ length: stickySlotCount }, (_, slot) => {
    const salt = mix(slot + 1);
    let best = { address: '', weight: -1 };
    for (const { address, hash } of hashed) {
      const weight = mix(hash ^ salt);
      const isBetter = weight === best.weight ? address < best.address : weight > best.weight;
      if (isBetter) best = { address, weight };
    }
    return best.address;
  });
}

/** FNV-1a, 32 bits. */
function hashText(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (const character of text) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01_00_01_93);
  }
  return hash >>> 0;
}

/** Spreads 32 bits over 32 bits (the finalizer of MurmurHash3). */
function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85_eb_ca_6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2_b2_ae_35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
