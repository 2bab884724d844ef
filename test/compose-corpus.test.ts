import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { compileStack } from '../src/compose/compile.ts';
import { TuttiError } from '../src/lib/error.ts';
import { repositoryRoot } from '../tools/root.ts';

const corpus = process.env['TUTTI_CORPUS'] ?? join(repositoryRoot, '../shared/corpus');
const folder = join(corpus, 'compose');
const absent = existsSync(folder)
  ? false
  : `${folder} is not there; TUTTI_CORPUS names another folder`;

/** What a document lacks is the deployer's to give; each sentence says what. */
const refusals = {
  'is only built':
    /^services\.[^:]+: images are not built here; build one \(docker build -t NAME .*\)/,
  'needs a variable':
    /\(not set: [A-Z0-9_, ]+\)$|required variable \w+ is missing a value|the variable \w+ is not set/,
  'needs a file': /: no such file: \//,
  /** A workflow of GitHub is among them. */
  'is refused by Docker Compose, too':
    /: the volume "[^"]+" is not declared; .* write "\.\/|: invalid interpolation format at /,
} as const;

type Outcome = 'compiles' | keyof typeof refusals;

interface Deployer {
  readonly environment: (text: string) => Readonly<Record<string, string>>;
  readonly read: (path: string) => Uint8Array;
}

/** Nothing but the document: no variables, no other files. */
const strangers: Deployer = {
  environment: () => ({ HOME: '/root' }),
  read: (path) => {
    if (existsSync(path)) return readFileSync(path);
    throw new TuttiError('not-found', `no such file: ${path}`);
  },
};

/** Somebody who gives each variable that needs one a value, and has every file. */
const owners: Deployer = {
  environment: (text) => {
    const defaulted = new Set([...text.matchAll(/\$\{(\w+):?[-+]/g)].map(([, name]) => name));
    const used = text.matchAll(/\$\{(\w+)(?:\}|:?\?)|\$([A-Za-z_]\w*)/g);
    const read = text.matchAll(/^ +environment: ["']?(\w+)["']?$/gm);
    const names = [...used, ...read].map(([, braced, bare]) => braced ?? bare ?? '');
    const wanted = names.filter((name) => !defaulted.has(name));
    return Object.fromEntries(['HOME', ...wanted].map((name) => [name, plausibleValue(name)]));
  },
  read: (path) => (existsSync(path) ? readFileSync(path) : new Uint8Array()),
};

function plausibleValue(name: string): string {
  if (/PORT/.test(name)) return '8080';
  if (/PATH|DIR|LOCATION|HOME/.test(name)) return '/srv/data';
  return name.toLowerCase();
}

async function outcomeOf(path: string, { environment, read }: Deployer): Promise<Outcome> {
  const text = readFileSync(path, 'utf8');
  try {
    const { declaration, warnings } = await compileStack([{ path, text }], {
      stack: 'st',
      profiles: [],
      environment: environment(text),
      files: { read: async (file) => read(file), resolve, directory: dirname },
    });
    assert.ok(declaration.services.length > 0, path);
    for (const warning of warnings) assert.match(warning.message, /^\S+ .+/, path);
    return 'compiles';
  } catch (reason) {
    const error = TuttiError.from(reason);
    assert.equal(error.code, 'invalid-argument', `${path}: ${error.stack}`);
    const line = error.message.split('\n')[0] ?? '';
    assert.match(line, /^[a-z][\w.[\]-]+: /, `${path}: a sentence begins with the field`);
    for (const [outcome, sentence] of Object.entries(refusals)) {
      if (sentence.test(line)) return outcome as Outcome;
    }
    return assert.fail(`${relative(folder, path)}: ${error.message}`);
  }
}

function documents(): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yml'))
    .map((name) => join(folder, name));
}

async function countOutcomes(deployer: Deployer): Promise<Partial<Record<Outcome, number>>> {
  const counts: Partial<Record<Outcome, number>> = {};
  for (const path of documents()) {
    const outcome = await outcomeOf(path, deployer);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

describe('540 documents of others', { skip: absent }, () => {
  test('compile as they are, or are refused with a sentence', async () => {
    assert.deepEqual(await countOutcomes(strangers), {
      compiles: 478,
      'is only built': 22,
      'needs a file': 16,
      'needs a variable': 20,
      /** A workflow of GitHub is among them. */
      'is refused by Docker Compose, too': 4,
    });
  });

  test('compile once their variables and files are there, unless their images are to be built', async () => {
    assert.deepEqual(await countOutcomes(owners), {
      compiles: 505,
      'is only built': 30,
      // It is given a default in one place and none in another.
      'needs a variable': 1,
      /** A workflow of GitHub is among them. */
      'is refused by Docker Compose, too': 4,
    });
  });
});
