import type { ServeManager } from './manager-server.ts';
import { openDataLayout } from './os/data-layout.ts';
import { readStoreMarker } from './os/store-marker.ts';

/** Builds everything that a manager runs, and resolves when the signal stopped it. */
export async function serveManager(options: ServeManager): Promise<void> {
  const layout = await openDataLayout(options.dataDirectory);
  if ((await readStoreMarker(layout.storeMarkerPath)) === 'etcd') {
    const { serveManyManagers } = await import('./serve-many-managers.ts');
    await serveManyManagers({ ...options, layout });
    return;
  }
  const { serveSoleManager } = await import('./serve-sole-manager.ts');
  await serveSoleManager({ ...options, layout });
}
