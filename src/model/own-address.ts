/** An address of this machine, and the network device that has it. */
export interface OwnAddress {
  /** `eth0` */
  readonly device: string;
  readonly address: string;
}
