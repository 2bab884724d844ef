import { runUntilStopped } from '../shared/run-until-stopped.ts';

await runUntilStopped(async () => {
  const { start } = await import('./start.ts');
  return start(process.env);
});
