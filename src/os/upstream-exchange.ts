import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIP } from 'node:net';
import { type DnsQuery, largestUdpBytes } from './dns-queries.ts';
import { answerCodes, headerBytes, headerFlags, readQuestion, recordTypes } from './dns-wire.ts';

export interface Nameserver {
  readonly address: string;
  readonly port: number;
}

/** A question as it is asked of others: who asked first is not told from who asks the same. */
export interface OutsideQuestion {
  readonly message: Buffer;
  /** The same for who is to get the same answer. */
  readonly key: string;
}

const dnssecOk = 0x80_00;

/** What others are asked for the sake of somebody here. */
export function outsideQuestion({ bytes, flags, ...query }: DnsQuery): OutsideQuestion {
  const { recursionDesired, authenticData, checkingDisabled } = headerFlags;
  const kept = flags & (recursionDesired | authenticData | checkingDisabled);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(kept, 2);
  header.writeUInt16BE(1, 4);
  const extension = Buffer.alloc(query.extension === undefined ? 0 : 11);
  if (query.extension !== undefined) {
    header.writeUInt16BE(1, 10);
    extension.writeUInt16BE(recordTypes.options, 1);
    extension.writeUInt16BE(largestUdpBytes, 3);
    extension.writeUInt16BE(query.extension.dnssecOk ? dnssecOk : 0, 7);
  }
  const question = bytes.subarray(headerBytes, query.questionEnd);
  const typeAndClass = bytes.toString('latin1', query.questionEnd - 4, query.questionEnd);
  const message = Buffer.concat([header, question, extension]);
  const spoken = extension.toString('latin1');
  return { message, key: `${kept} ${spoken} ${typeAndClass} ${query.name}` };
}

/**
 * Asks one server: by UDP from a port that nobody can guess, with a number that nobody can guess,
 * and again by TCP where the answer did not fit.
 *
 * @returns undefined when it gives no answer to this question in time.
 */
export async function askServer(
  server: Nameserver,
  { question, timeoutMs }: { readonly question: OutsideQuestion; readonly timeoutMs: number },
): Promise<Buffer | undefined> {
  const query = Buffer.from(question.message);
  query.writeUInt16BE(randomInt(0x1_00_00), 0);
  const answer = await askOverUdp(server, { query, timeoutMs });
  const isShort = answer !== undefined && (answer.readUInt16BE(2) & headerFlags.truncated) !== 0;
  if (!isShort) return answer;
  return (await askOverTcp(server, { query, timeoutMs })) ?? answer;
}

/** Whether a server says that it could not find out: another one may know. */
export function isHelpless(answer: Buffer): boolean {
  const { serverFailure, refused, notImplemented } = answerCodes;
  const code = answer.readUInt16BE(2) & headerFlags.code;
  return code === serverFailure || code === refused || code === notImplemented;
}

/** Whatever else comes is somebody's guess, or late. */
function isAnswerTo(query: Buffer, answer: Buffer): boolean {
  if (answer.length < headerBytes || answer.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  const { response, opcode } = headerFlags;
  if ((answer.readUInt16BE(2) & (response | opcode)) !== response) return false;
  if (answer.readUInt16BE(4) !== 1) return false;
  const asked = readQuestion(query);
  const answered = readQuestion(answer);
  return (
    asked !== undefined &&
    answered !== undefined &&
    asked.name === answered.name &&
    asked.type === answered.type &&
    asked.class === answered.class &&
    asked.end === answered.end
  );
}

function askOverUdp(
  { address, port }: Nameserver,
  { query, timeoutMs }: { readonly query: Buffer; readonly timeoutMs: number },
): Promise<Buffer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
  const timer = setTimeout(() => resolve(undefined), timeoutMs);
  socket.on('error', () => resolve(undefined));
  socket.on('message', (answer) => {
    if (isAnswerTo(query, answer)) resolve(answer);
  });
  // A socket that is connected hears its server alone, and that nobody is there. A callback of
  // `connect` would be called, too, where no way leads to it, and `send` throws there.
  socket.on('connect', () => socket.send(query, () => undefined));
  socket.connect(port, address);
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

function askOverTcp(
  { address, port }: Nameserver,
  { query, timeoutMs }: { readonly query: Buffer; readonly timeoutMs: number },
): Promise<Buffer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const socket = connect({ host: address, port });
  const timer = setTimeout(() => resolve(undefined), timeoutMs);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  let received = Buffer.alloc(0);
  socket.on('connect', () => socket.write(Buffer.concat([length, query])));
  socket.on('error', () => resolve(undefined));
  socket.on('close', () => resolve(undefined));
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    const end = received.length < 2 ? Infinity : 2 + received.readUInt16BE(0);
    if (received.length < end) return;
    const answer = received.subarray(2, end);
    resolve(isAnswerTo(query, answer) ? answer : undefined);
  });
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}
