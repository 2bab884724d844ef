import { constants, type Http2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';

/**
 * Joins two streams for good: bytes go both ways with back-pressure, an end is an end on the other
 * side, and what is cut off there is cut off here.
 */
export function joinStreams(one: Duplex, other: Duplex): void {
  pass(one, other);
  pass(other, one);
}

/** Ends a stream such that its other side does not take it for complete. */
export function cutStream(stream: Duplex): void {
  if (isHttp2(stream)) {
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
  } else stream.destroy();
}

function pass(from: Duplex, to: Duplex): void {
  from.on('error', () => undefined);
  from.pipe(to, { end: false });
  from.once('end', () => {
    if (isCut(from)) cutStream(to);
    else to.end();
  });
  from.once('close', () => {
    if (!from.readableEnded || isCut(from)) cutStream(to);
  });
}

/** A stream of HTTP/2 that was reset ends like one that is complete. */
function isCut(stream: Duplex): boolean {
  if (!isHttp2(stream)) return stream.errored !== null;
  const { rstCode, aborted } = stream;
  return aborted || (rstCode !== undefined && rstCode !== constants.NGHTTP2_NO_ERROR);
}

function isHttp2(stream: Duplex): stream is Http2Stream {
  return 'rstCode' in stream;
}
