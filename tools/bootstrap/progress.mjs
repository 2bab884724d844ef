// Plain JavaScript: runs on the Node that the machine has, before anything is installed.

const heartbeatMs = 15_000;

/**
 * Shows that something long is going on: one line that counts on a terminal, plain lines elsewhere.
 *
 * @template T
 * @param {string} label What is being done, without a full stop.
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withProgress(label, work) {
  const startedAt = Date.now();
  const seconds = () => `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
  const terminal = process.stderr.isTTY === true;
  write(terminal ? `${label} …` : `${label} …\n`);
  const timer = setInterval(
    () => write(terminal ? `\r\x1b[K${label} … ${seconds()}` : `${label} … ${seconds()}\n`),
    terminal ? 200 : heartbeatMs,
  );
  try {
    const result = await work();
    write(`${terminal ? '\r\x1b[K' : ''}${label}: done in ${seconds()}\n`);
    return result;
  } catch (error) {
    write(`${terminal ? '\r\x1b[K' : ''}${label}: failed after ${seconds()}\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

function write(text) {
  process.stderr.write(text);
}
