/** Dice. The real one is cryptographic; the simulated one is seeded. */
export interface Random {
  bytes(count: number): Uint8Array;
  /** A fraction in [0, 1). */
  fraction(): number;
}
