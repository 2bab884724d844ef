import type { ClientHttp2Session } from 'node:http2';

const periodMs = 1_000;
/** Pings in a row. The first of them may have been sent right before the link was cut. */
const mostUnanswered = 3;

/**
 * Ends a connection when its other side has answered nothing for 3 to 4 s: who is cut off, or
 * hangs, says nothing of it. What else comes is an answer as well, for on a slow link a long
 * message stands before that.
 *
 * @param isWatched Whether somebody else can be turned to.
 */
export function endInSilence(session: ClientHttp2Session, isWatched: () => boolean): void {
  let unanswered = 0;
  let readBytes = 0;
  const timer = setInterval(() => {
    // Its socket is gone at once, and that it is closed is told when the other side knows it.
    if (session.destroyed) return clearInterval(timer);
    const { bytesRead } = session.socket;
    if (bytesRead !== readBytes || !isWatched()) unanswered = 0;
    readBytes = bytesRead;
    if (unanswered >= mostUnanswered)
      session.destroy(new Error('it has said nothing for too long'));
    else if (isWatched()) {
      unanswered += 1;
      session.ping(() => undefined);
    }
  }, periodMs);
  timer.unref();
  session.once('close', () => clearInterval(timer));
}
