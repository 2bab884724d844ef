const headerBytes = 8;

export interface LogChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/**
 * Takes Docker's multiplexed log stream apart: frames of [stream, 0, 0, 0, length (32 bit, big
 * endian)] and payload (Docker Engine API, ContainerAttach).
 */
export async function* readLogFrames(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<LogChunk> {
  let rest = Buffer.alloc(0);
  for await (const chunk of bytes) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= headerBytes) {
      const end = headerBytes + rest.readUInt32BE(4);
      if (rest.length < end) break;
      const stream = rest[0] === 2 ? 'stderr' : 'stdout';
      yield { stream, text: rest.subarray(headerBytes, end).toString('utf8') };
      rest = rest.subarray(end);
    }
  }
}
