import type { ServiceSpec, UpdateSettings, UpdateStatus } from '../../src/model/service.ts';
import { LoopWorld } from './loop-world.ts';

/** What a script of updates says of its service. */
export interface UpdateScript {
  readonly replicas?: number;
  readonly update?: UpdateSettings;
  readonly rollback?: UpdateSettings;
  readonly spec?: Partial<ServiceSpec>;
}

function specOf({ replicas = 3, update, rollback, spec }: UpdateScript): Partial<ServiceSpec> {
  return {
    mode: { kind: 'replicated', replicas },
    ...(update === undefined ? {} : { update }),
    ...(rollback === undefined ? {} : { rollback }),
    ...spec,
  };
}

/**
 * Two nodes on which `web` runs `v1`; the image `bad` is missing, `crashing` exits after a second.
 */
export function deployed(script: UpdateScript): LoopWorld {
  const world = new LoopWorld();
  world.fates.set('bad', { kind: 'missing' });
  world.fates.set('crashing', { kind: 'exits', afterMs: 1_000, exitCode: 1 });
  world.addNode('n1');
  world.addNode('n2');
  update(world, 'v1', script);
  world.advance(20_000);
  return world;
}

export function update(world: LoopWorld, image: string, script: UpdateScript): void {
  world.declare('web', { spec: specOf(script), container: { image } });
}

export function runningImages(world: LoopWorld): readonly string[] {
  return world.running('web').map((task) => world.imageOf(task));
}

export function status(world: LoopWorld): UpdateStatus | undefined {
  return world.service('web').update;
}
