import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PathObservation } from '../model/network-examination.ts';
import { sendBack } from './datagrams.ts';
import { echoPort, type ProbedPeer, type ProbeOrder } from './probe-protocol.ts';

/** Of IPv4 and UDP. */
const headerBytes = 28;
const numberBytes = 4;
const smallBytes = 64;
/** Peers may begin to answer a little later. */
const firstAnswerLimitMs = 4_000;
const firstEveryMs = 200;
const smallCount = 10;
const smallEveryMs = 20;
const answerLimitMs = 600;
const largeLimitMs = 300;
const largeTries = 3;
/** Less is no link (RFC 791 asks for 576 bytes). */
const leastBytes = 500;
const peersAtOnce = 16;

/** Answers who asks, with few bytes whatever came, and asks others. */
export class PathProber {
  readonly #answering: Socket;
  readonly #asking: Socket;
  readonly #waiting = new Map<number, () => void>();
  readonly #heard = new Set<string>();
  #number = 0;

  private constructor(answering: Socket, asking: Socket) {
    this.#answering = answering;
    this.#asking = asking;
    answering.on('message', (packet, from) => {
      this.#heard.add(from.address);
      sendBack(answering, { to: from, bytes: packet.subarray(0, numberBytes) });
    });
    asking.on('message', (packet) => {
      if (packet.length >= numberBytes) this.#waiting.get(packet.readUInt32BE())?.();
    });
    for (const socket of [answering, asking]) socket.on('error', () => undefined);
  }

  static async open(): Promise<PathProber> {
    return new PathProber(await bound(echoPort), await bound(0));
  }

  close(): void {
    this.#answering.close();
    this.#asking.close();
  }

  async look(order: Extract<ProbeOrder, { readonly kind: 'paths' }>) {
    const paths: PathObservation[] = [];
    const rest = [...order.peers];
    const work = async (): Promise<void> => {
      for (let peer = rest.shift(); peer !== undefined; peer = rest.shift()) {
        paths.push(await this.#path(peer, order));
      }
    };
    await Promise.all(Array.from({ length: peersAtOnce }, work));
    const heard = order.peers
      .filter(({ address, wholeAddress }) =>
        [address, wholeAddress].some((one) => this.#heard.has(one)),
      )
      .map(({ nodeId }) => nodeId);
    return { paths, heard };
  }

  async #path(
    peer: ProbedPeer,
    sizes: { readonly fullBytes: number; readonly largestBytes: number },
  ): Promise<PathObservation> {
    const { nodeId, address } = peer;
    if (!(await this.#firstAnswer(address))) {
      return { nodeId, sent: smallCount, answered: 0, full: false };
    }
    const trips = await this.#roundTrips(address);
    const full = await this.#passes(address, sizes.fullBytes);
    const largestBytes = await this.#largest(peer.wholeAddress, sizes.largestBytes);
    const roundTripMs = trips.toSorted((left, right) => left - right)[trips.length >> 1];
    return {
      nodeId,
      sent: smallCount,
      answered: trips.length,
      full,
      ...(roundTripMs !== undefined && { roundTripMs }),
      ...(largestBytes !== undefined && { largestBytes }),
    };
  }

  async #firstAnswer(address: string): Promise<boolean> {
    const giveUpAt = performance.now() + firstAnswerLimitMs;
    while (performance.now() < giveUpAt) {
      if ((await this.#ask(address, smallBytes, firstEveryMs)) !== undefined) return true;
    }
    return false;
  }

  async #roundTrips(address: string): Promise<readonly number[]> {
    const asked: Promise<number | undefined>[] = [];
    for (let count = 0; count < smallCount; count += 1) {
      asked.push(this.#ask(address, smallBytes, answerLimitMs));
      await sleep(smallEveryMs);
    }
    return (await Promise.all(asked)).filter((one) => one !== undefined);
  }

  async #passes(address: string, sizeBytes: number): Promise<boolean> {
    for (let count = 0; count < largeTries; count += 1) {
      if ((await this.#ask(address, sizeBytes, largeLimitMs)) !== undefined) return true;
    }
    return false;
  }

  /** By halves; undefined where not even the least passes. */
  async #largest(address: string, largestBytes: number): Promise<number | undefined> {
    if (await this.#passes(address, largestBytes)) return largestBytes;
    if (!(await this.#passes(address, leastBytes))) return undefined;
    let [passes, fails] = [leastBytes, largestBytes];
    while (fails - passes > 1) {
      const middle = (passes + fails) >> 1;
      if (await this.#passes(address, middle)) passes = middle;
      else fails = middle;
    }
    return passes;
  }

  /** How long the answer took; undefined: none came in time. */
  async #ask(address: string, sizeBytes: number, limitMs: number): Promise<number | undefined> {
    this.#number += 1;
    const number = this.#number;
    const packet = Buffer.alloc(sizeBytes - headerBytes);
    packet.writeUInt32BE(number);
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    const began = performance.now();
    this.#waiting.set(number, () => resolve(performance.now() - began));
    const timer = setTimeout(() => resolve(undefined), limitMs);
    // A packet that is too large for the way is refused here; that is no answer.
    this.#asking.send(packet, echoPort, address, () => undefined);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(number);
    }
  }
}

async function bound(port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(port);
  await once(socket, 'listening');
  return socket;
}
