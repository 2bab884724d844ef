/**
 * The layers of `src/`, as data: what each module may import, and what it may use of Node and npm.
 * What is not written here is refused (`tools/tidy/`): a module without a row, an import without an
 * entry, a package without an entry. Extend it in the change that needs it; see
 * docs/architecture.md.
 */

/**
 * - `pure`: no I/O, no clock, no dice. Time and randomness are arguments.
 * - `shell`: drives pure code through the interfaces of `host`; no clock, no dice, no I/O of its
 *   own.
 * - `real`: the world is in reach: clock, dice, `process`, sockets, files.
 */
export type Kind = 'pure' | 'shell' | 'real';

export interface Layer {
  readonly kind: Kind;
  /**
   * Modules of `src/` that may be imported, or single files of them such as
   * `manager/control-plane.ts`.
   */
  readonly imports: readonly string[];
  /** npm packages and `node:` modules that may be imported; `node:*` is all of Node. */
  readonly uses?: readonly string[];
  /** The same for `import type` alone. */
  readonly usesTypes?: readonly string[];
  /** What test files of the module may import or use besides `layerOfTests`. */
  readonly tests?: { readonly imports?: readonly string[]; readonly uses?: readonly string[] };
}

const ground = ['lib', 'model'];
const pureCores = [
  'store',
  'orchestrator',
  'allocator',
  'scheduler',
  'task',
  'overlay',
  'catalog',
  'compose',
  'ca',
  'liveness',
  'leadership',
  'doctor',
];
/** What dialects may know of the manager: the door, not the house. */
const controlPlane = 'manager/control-plane.ts';

/** Rows stand in order: a module imports only from rows above its own. */
export const layers = {
  lib: { kind: 'pure', imports: [] },
  model: { kind: 'pure', imports: ['lib'] },
  wire: { kind: 'pure', imports: ground },
  host: { kind: 'pure', imports: [...ground, 'wire'] },

  store: { kind: 'pure', imports: [...ground, 'host'] },
  orchestrator: { kind: 'pure', imports: [...ground, 'store'] },
  allocator: { kind: 'pure', imports: [...ground, 'store'] },
  scheduler: { kind: 'pure', imports: [...ground, 'store'] },
  // The agent restarts by the manager's own rule when it is alone.
  task: { kind: 'pure', imports: [...ground, 'host', 'orchestrator/restart.ts'] },
  catalog: { kind: 'pure', imports: [...ground, 'host'] },
  overlay: { kind: 'pure', imports: [...ground, 'host', 'catalog/service-groups.ts'] },
  compose: { kind: 'pure', imports: ground, uses: ['yaml'] },
  ca: { kind: 'pure', imports: ground },
  liveness: { kind: 'pure', imports: ground },
  leadership: { kind: 'pure', imports: [...ground, 'host'] },
  /** What is wrong, from what nodes saw. */
  doctor: { kind: 'pure', imports: ground },

  manager: {
    kind: 'shell',
    imports: [
      ...ground,
      'wire',
      'host',
      'store',
      'orchestrator',
      'allocator',
      'scheduler',
      // Admission fills placeholders in as agents will.
      'task/template.ts',
      'ca',
      'liveness',
      'leadership',
    ],
    // Scripts for the whole manager, on a simulated disk and link.
    tests: { imports: ['sim'] },
  },
  agent: {
    kind: 'shell',
    imports: [...ground, 'wire', 'host', 'task', 'overlay', 'catalog', 'liveness'],
    // Virtual time.
    tests: { imports: ['sim'] },
  },
  /** Which cluster this machine is a node of: joins, renews, leaves. */
  membership: { kind: 'shell', imports: [...ground, 'wire', 'host', 'ca'] },
  // Hosts on one machine; knows no more of clusters than the docker command does.
  playground: { kind: 'shell', imports: [...ground, 'host'] },
  os: {
    kind: 'real',
    imports: [...ground, 'wire', 'host'],
    uses: ['node:*', 'dns-packet', '@peculiar/x509', 'reflect-metadata'],
    // What is sealed in a store of old must be found by the store.
    tests: { imports: ['store'] },
  },

  docker: {
    kind: 'shell',
    imports: [...ground, 'host', 'store/schema.ts', 'store/view.ts', controlPlane],
    uses: ['zod'],
  },
  api: {
    kind: 'shell',
    imports: [...ground, 'host', 'store/schema.ts', 'store/view.ts', 'doctor', controlPlane],
    uses: ['zod'],
    tests: { imports: ['sim'] },
  },
  client: { kind: 'real', imports: ground, uses: ['node:*'] },
  cli: {
    kind: 'real',
    imports: [...ground, 'compose', 'playground', 'client'],
    uses: ['node:*', 'commander'],
    // A machine on which nothing may be changed.
    tests: { imports: ['host/playground-machine.ts'] },
  },
  /** The files of `compositionRoot`. */
  main: {
    kind: 'real',
    imports: [
      ...ground,
      'wire',
      'host',
      ...pureCores,
      'manager',
      'agent',
      'membership',
      'playground',
      'os',
      'docker',
      'api',
      'client',
      'cli',
    ],
    uses: ['node:*'],
  },
} as const satisfies Readonly<Record<string, Layer>>;

/** The files directly in `src/`: only they construct adapters. */
export const compositionRoot: readonly string[] = [
  'main.ts',
  'caretaker.ts',
  'daemon.ts',
  'examine-node.ts',
  'manager-recovery.ts',
  'manager-server.ts',
  'recover-store.ts',
  'seated-manager.ts',
  'serve-fence-guard.ts',
  'serve-manager.ts',
  'serve-many-managers.ts',
  'serve-sole-manager.ts',
  'serve-term.ts',
  'snapshot-before-migration.ts',
  'upgrade-store.ts',
];

/**
 * What each `*.test.ts` in `src/` may use besides what its module may. Tests of a pure core stay
 * pure.
 */
export const layerOfTests = {
  uses: [
    'node:test',
    'node:assert/strict',
    'fast-check',
    // For tables of cases in files.
    'node:fs',
    'node:path',
    'node:url',
  ],
} as const;

/**
 * Folders beside `src/` that obey a kind as well, and their exceptions; the longest path counts. A
 * simulation with a real clock or real dice in it replays nothing.
 */
export const kindOutside: Readonly<Record<string, Kind>> = {
  sim: 'shell',
  // Virtual time waits until everything that needs no time has happened.
  'sim/clock.ts': 'real',
  'sim/main.ts': 'real',
  'sim/liveness/main.ts': 'real',
};
