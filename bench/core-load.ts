import { argv, stdout } from 'node:process';
import { SqliteEngine } from '../src/os/sqlite-engine.ts';
import { Store } from '../src/store/store.ts';

/** What a manager that starts anew finds: printed as JSON by `core-load.ts <file>`. */
export interface CoreLoad {
  readonly loadMs: number;
  readonly revision: number;
  readonly liveTasks: number;
}

const startedAt = performance.now();
const store = await Store.open(SqliteEngine.open(String(argv[2])));
const loadMs = Math.round(performance.now() - startedAt);
let liveTasks = 0;
for (const service of store.view.services.all()) {
  liveTasks += store.view.tasks.count('live', service.id);
}
const load: CoreLoad = { loadMs, revision: store.revision, liveTasks };
await store.close();
stdout.write(JSON.stringify(load));
