/** Ends what a program does, without leaving anything half done. */
export type Stop = () => Promise<void>;

/**
 * Starts a program and runs it until the container is told to stop (SIGTERM, or Ctrl-C at a
 * terminal). As process 1 of a container, a program ignores every signal that it does not handle;
 * so this listens first, and `load` brings in all the rest.
 */
export async function runUntilStopped(load: () => Promise<Stop>): Promise<void> {
  let stop: Stop = async () => {};
  const onSignal = async (signal: NodeJS.Signals) => {
    console.log(`${signal}: stopping`);
    try {
      await stop();
      process.exit(0);
    } catch (error) {
      console.error('stopping failed:', error);
      process.exit(1);
    }
  };
  process.once('SIGTERM', (signal) => void onSignal(signal));
  process.once('SIGINT', (signal) => void onSignal(signal));
  stop = await load();
}
