import type { Authority, MadeRoot } from '../src/host/authority.ts';

const digestBytes = 32;

/** Makes up roots: texts that look alike and sign nothing. The dice tell them apart. */
export class SimulatedAuthority implements Authority {
  readonly #randomBytes: (count: number) => Uint8Array;

  constructor(randomBytes: (count: number) => Uint8Array) {
    this.#randomBytes = randomBytes;
  }

  async createRoot(): Promise<MadeRoot> {
    const digest = this.#randomBytes(digestBytes);
    const text = btoa(String.fromCharCode(...digest));
    return {
      digest,
      certificate: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
      subject: 'MBMxETAPBgNVBAMTCHN3YXJtLWNh',
      publicKey: text,
      sealedKey: `simulated.${text}`,
    };
  }

  async readRequest(request: string) {
    return { publicKey: request, keyDigest: request };
  }

  async keepUnder(): Promise<void> {
    // Nothing simulated is on a disk that anybody could read.
  }

  async signNode({ nodeId }: { readonly nodeId: string }): Promise<string> {
    return `certificate of ${nodeId}\n`;
  }

  async signCross(): Promise<string> {
    return 'cross-signature\n';
  }

  async issue({ nodeId }: { readonly nodeId: string }) {
    return { key: `key of ${nodeId}`, certificate: `certificate of ${nodeId}\n` };
  }

  sameSecret(left: string, right: string): boolean {
    return left === right;
  }

  async forget(): Promise<void> {
    // There is no key.
  }
}
