import type { RecipeName } from './recipes.ts';

/** An image that somebody needs: what it is, and the name under which it is looked for. */
export interface ImageRequest {
  readonly recipe: RecipeName;
  /** What the running application says of itself; it tells two images of one recipe apart. */
  readonly version: string;
  readonly tag: string;
}

/** What `examples/voting-app/compose.yml` runs, and a second `vote` to update to. */
export const votingAppImages: readonly ImageRequest[] = [
  { recipe: 'redis', version: '1', tag: 'tutti-demo/redis:1' },
  { recipe: 'postgres', version: '1', tag: 'tutti-demo/postgres:1' },
  { recipe: 'vote', version: '1', tag: 'tutti-demo/vote:1' },
  { recipe: 'vote', version: '2', tag: 'tutti-demo/vote:2' },
  { recipe: 'result', version: '1', tag: 'tutti-demo/result:1' },
  { recipe: 'worker', version: '1', tag: 'tutti-demo/worker:1' },
];

/** Stand-ins under the names that the well-known example-voting-app uses. */
export const upstreamVotingAppImages: readonly ImageRequest[] = [
  { recipe: 'redis', version: '1', tag: 'redis:alpine' },
  { recipe: 'postgres', version: '1', tag: 'postgres:15-alpine' },
  { recipe: 'vote', version: '1', tag: 'dockersamples/examplevotingapp_vote:latest' },
  { recipe: 'result', version: '1', tag: 'dockersamples/examplevotingapp_result:latest' },
  { recipe: 'worker', version: '1', tag: 'dockersamples/examplevotingapp_worker:latest' },
];

/** Small images for tests; see `busybox/` for what they can do. */
export const testImages: readonly ImageRequest[] = [
  { recipe: 'busybox', version: '1', tag: 'tutti-test/busybox:1' },
  { recipe: 'busybox', version: '2', tag: 'tutti-test/busybox:2' },
];
