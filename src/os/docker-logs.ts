import type { LogFrame } from '../model/log.ts';

const headerBytes = 8;

/**
 * Takes a container's log apart, a frame for each line. With a terminal there is one raw stream;
 * without, frames of [stream, 0, 0, 0, length (32 bit, big endian)] and payload (Docker Engine API,
 * ContainerAttach). Lines begin with their timestamps, as asked for.
 */
export async function* readLogs(
  bytes: AsyncIterable<Uint8Array>,
  options: { readonly tty: boolean },
): AsyncGenerator<LogFrame> {
  let rest = Buffer.alloc(0);
  for await (const chunk of bytes) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const cut = options.tty ? cutLine(rest) : cutFrame(rest);
      if (cut === undefined) break;
      rest = rest.subarray(cut.endBytes);
      yield toFrame(cut.stream, cut.payload);
    }
  }
  if (options.tty && rest.length > 0) yield toFrame('stdout', rest);
}

interface Cut {
  readonly stream: LogFrame['stream'];
  readonly payload: Buffer;
  readonly endBytes: number;
}

function cutFrame(bytes: Buffer): Cut | undefined {
  if (bytes.length < headerBytes) return undefined;
  const endBytes = headerBytes + bytes.readUInt32BE(4);
  if (bytes.length < endBytes) return undefined;
  const stream = bytes[0] === 2 ? 'stderr' : 'stdout';
  return { stream, payload: bytes.subarray(headerBytes, endBytes), endBytes };
}

function cutLine(bytes: Buffer): Cut | undefined {
  const endBytes = bytes.indexOf('\n') + 1;
  if (endBytes === 0) return undefined;
  return { stream: 'stdout', payload: bytes.subarray(0, endBytes), endBytes };
}

function toFrame(stream: LogFrame['stream'], payload: Buffer): LogFrame {
  const space = payload.indexOf(' ');
  return {
    stream,
    timestamp: payload.subarray(0, space).toString('latin1'),
    data: payload.subarray(space + 1).toString('base64'),
  };
}
