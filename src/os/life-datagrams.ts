import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { ClusterPort } from '../host/cluster-port.ts';
import type { HearLife, LifeReceiver, LifeSender, LifeTransport, LifeWord } from '../host/life.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import { formatHostPort, type HostPort, parseHostPort } from '../lib/host-port.ts';
import type { LifeAccess } from '../model/life.ts';
import { sendBack } from './datagrams.ts';

/*
 * Proof of life: datagrams of 29 bytes, both ways alike.
 *
 *   1  what it is: a sign of life, the answer to one, or the sign of a node that hears no answers
 *   4  number of the key
 *   8  number of the sign; rises under one key
 *  16  HMAC-SHA256 of all before, cut
 */

const keyBytes = 32;
const headBytes = 13;
const macBytes = 16;
const length = headBytes + macBytes;
const signOfLife = 1;
const answer = 2;
/** Passed over by managers that do not know it: they hear nothing of the node, and miss it. */
const signOfDeafness = 3;
/** Room for what arrives while nobody reads. */
const receiveBufferBytes = 1024 * 1024;

const kinds: Readonly<Record<LifeWord, number>> = { alive: signOfLife, deaf: signOfDeafness };
const words: ReadonlyMap<number, LifeWord> = new Map([
  [signOfLife, 'alive'],
  [signOfDeafness, 'deaf'],
]);

interface Datagram {
  readonly kind: number;
  readonly keyId: number;
  readonly number: number;
}

function write(datagram: Datagram, key: Buffer): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt8(datagram.kind, 0);
  bytes.writeUInt32BE(datagram.keyId, 1);
  bytes.writeBigUInt64BE(BigInt(datagram.number), 5);
  macOf(bytes, key).copy(bytes, headBytes);
  return bytes;
}

/** Undefined where it is none, or is not signed by the key that `keyOf` finds. */
function read(bytes: Buffer, keyOf: (keyId: number) => Buffer | undefined): Datagram | undefined {
  if (bytes.length !== length) return undefined;
  const keyId = bytes.readUInt32BE(1);
  const key = keyOf(keyId);
  if (key === undefined || !timingSafeEqual(macOf(bytes, key), bytes.subarray(headBytes))) {
    return undefined;
  }
  return { kind: bytes.readUInt8(0), keyId, number: Number(bytes.readBigUInt64BE(5)) };
}

function macOf(bytes: Buffer, key: Buffer): Buffer {
  const head = bytes.subarray(0, headBytes);
  return createHmac('sha256', key).update(head).digest().subarray(0, macBytes);
}

interface Admission {
  readonly nodeId: string;
  readonly key: Buffer;
  /** The highest number that came: what is said again counts for nothing. */
  last: number;
}

/** Receives signs of life on the port of the manager, and answers them. */
export class UdpLifeReceiver implements LifeReceiver {
  readonly #logger: Logger;
  readonly #admissions = new Map<number, Admission>();
  readonly #mayAnswer: () => boolean;
  #heard: HearLife = () => undefined;
  #socket: Socket | undefined;

  /** An answer says that a lease goes on: who may not act answers nobody. */
  constructor(logger: Logger, mayAnswer: () => boolean = () => true) {
    this.#logger = logger;
    this.#mayAnswer = mayAnswer;
  }

  /** Each genuine sign of life is told from now on; who was admitted before is to be so anew. */
  tell(heard: HearLife): this {
    this.#heard = heard;
    this.#admissions.clear();
    return this;
  }

  /** @throws TuttiError `failed-precondition` where the address cannot be had, naming it. */
  async bind(address: HostPort): Promise<void> {
    const host = address.host === '' ? '0.0.0.0' : address.host;
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('error', (error) => reject(cannotListen(address, error)));
    socket.bind({ address: host, port: address.port }, resolve);
    await promise;
    socket.on('error', (error) =>
      this.#logger.error('proofs of life cannot be received', { error: error.message }),
    );
    socket.on('message', (bytes, from) => this.#receive(bytes, from));
    socket.setRecvBufferSize(receiveBufferBytes);
    this.#socket = socket;
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#admissions.clear();
    if (socket === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.close(resolve);
    await promise;
  }

  admit(nodeId: string): LifeAccess | undefined {
    if (this.#socket === undefined) return undefined;
    this.forget(nodeId);
    const key = randomBytes(keyBytes);
    let keyId = randomBytes(4).readUInt32BE();
    while (this.#admissions.has(keyId)) keyId = (keyId + 1) % 2 ** 32;
    this.#admissions.set(keyId, { nodeId, key, last: 0 });
    return { keyId, key: key.toString('base64') };
  }

  forget(nodeId: string): void {
    for (const [keyId, one] of this.#admissions) {
      if (one.nodeId === nodeId) this.#admissions.delete(keyId);
    }
  }

  #receive(bytes: Buffer, from: RemoteInfo): void {
    const datagram = read(bytes, (keyId) => this.#admissions.get(keyId)?.key);
    if (datagram === undefined) return;
    const word = words.get(datagram.kind);
    if (word === undefined || !this.#mayAnswer()) return;
    const admission = this.#admissions.get(datagram.keyId);
    if (admission === undefined || datagram.number <= admission.last) return;
    admission.last = datagram.number;
    this.#heard(admission.nodeId, word);
    if (this.#socket === undefined) return;
    const reply = write({ ...datagram, kind: answer }, admission.key);
    sendBack(this.#socket, { to: from, bytes: reply });
  }
}

/** The port of a manager, with proofs of life on the same number. */
export function withDatagrams(port: ClusterPort, receiver: UdpLifeReceiver): ClusterPort {
  return {
    reserve: async (address) => {
      await port.reserve(address);
      try {
        await receiver.bind(address);
      } catch (error) {
        await port.close();
        throw error;
      }
    },
    open: (identity) => port.open(identity),
    rejudge: () => port.rejudge(),
    close: async () => {
      await receiver.close();
      await port.close();
    },
  };
}

/** Sends signs of life to the manager with which the agent speaks. */
export class UdpLifeTransport implements LifeTransport {
  readonly #manager: () => HostPort | undefined;

  /** `manager`: an address, no name; undefined where the manager is on this machine. */
  constructor(manager: () => HostPort | undefined) {
    this.#manager = manager;
  }

  open(access: LifeAccess, onAnswer: (number: number) => void): LifeSender | undefined {
    const { address, keyId } = access;
    const manager = address === undefined ? this.#manager() : parseHostPort(address);
    if (manager === undefined) return undefined;
    const key = Buffer.from(access.key, 'base64');
    const socket = createSocket(isIPv6(manager.host) ? 'udp6' : 'udp4');
    // What cannot be sent or received is lost, and is said again.
    socket.on('error', () => undefined);
    socket.on('message', (bytes) => {
      const datagram = read(bytes, (id) => (id === keyId ? key : undefined));
      if (datagram?.kind === answer) onAnswer(datagram.number);
    });
    let isOpen = true;
    return {
      send: (number, word) => {
        if (!isOpen) return;
        const bytes = write({ kind: kinds[word], keyId, number }, key);
        socket.send(bytes, manager.port, manager.host, () => undefined);
      },
      close: () => {
        if (isOpen) socket.close();
        isOpen = false;
      },
    };
  }
}

function cannotListen({ host, port }: HostPort, error: Error): TuttiError {
  const address = formatHostPort({ host, port });
  return new TuttiError(
    'failed-precondition',
    `UDP ${address} cannot be had for proofs of life: ${error.message}`,
    { hint: 'End what listens there, or listen on another port.', cause: error },
  );
}
