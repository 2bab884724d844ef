/** `npm test`: everything that CI runs. `npm test -- NAME …` runs the stages of these names. */
import { runStages } from './stages/run-stages.ts';
import type { Stage } from './stages/stage.ts';
import { listStages } from './stages/stages.ts';

function selectStages(names: readonly string[]): readonly Stage[] {
  const all = listStages();
  const unknown = names.find((name) => !all.some((stage) => stage.name === name));
  if (unknown !== undefined) {
    const known = all.map(({ name }) => name).join(', ');
    throw new Error(`"${unknown}" is no stage. There are ${known}.`);
  }
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

try {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort());
  const stages = selectStages(process.argv.slice(2));
  const passed = await runStages(stages, {
    write: (text) => process.stdout.write(text),
    isTerminal: process.stdout.isTTY,
    signal: stop.signal,
  });
  process.exitCode = passed ? 0 : 1;
} catch (error) {
  process.stderr.write(`tutti: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
