/**
 * Kills a demo in the middle, and runs another to its end. For a host without a container engine.
 */
import { runDemo } from './run-demo.ts';

const killed = await runDemo({
  signalAt: { line: 'demo_redis 1/1 converged', signal: 'SIGKILL' },
});
const { code, output } = await runDemo({ parameters: ['--once'] });
process.stdout.write(`${killed.output}killed\n${output}`);
process.exitCode = code ?? 1;
