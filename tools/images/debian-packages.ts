import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TuttiError } from '../../src/lib/error.ts';
import { contentHash } from './content-hash.ts';
import { runCommand } from './run-command.ts';

/** A package of the distribution at one version. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

export interface ResolveOptions {
  /** Names of packages that are wanted. */
  readonly wanted: readonly string[];
  /** What the layers below already contain. */
  readonly present: readonly DebianPackage[];
  /** Where answers are kept, so that asking again costs nothing. */
  readonly cacheDirectory: string;
  readonly report: (line: string) => void;
}

const aptHint =
  'The images are made from the packages of Debian or Ubuntu, with apt-get and dpkg-deb.';
const listsDirectory = '/var/lib/apt/lists';

/**
 * Packages that install or configure other packages, or that these images can do without. They
 * count as installed, and so nothing that only they need comes along.
 */
const notNeeded = [
  'adduser',
  'debconf',
  'debconf-2.0',
  'dpkg',
  'init-system-helpers',
  'libjson-perl',
  'locales',
  'login',
  'lsb-base',
  'netbase',
  'openssl',
  'passwd',
  'perl',
  'perl-base',
  'postgresql-client-common',
  'postgresql-common',
  'readline-common',
  'sensible-utils',
  'ssl-cert',
  'sysvinit-utils',
  'tar',
  'ucf',
  'usr-is-merged',
  'usrmerge',
];

/** PostgreSQL's just-in-time compiler, whose names carry versions: 100 MB that go unused. */
const notNeededPattern = /^(libllvm\d|postgresql-\d+-jit)/;

/**
 * The packages that must be added for `wanted` to run, as apt sees it when shown a machine on
 * which only `present` is installed. Nothing is installed or changed.
 */
export async function resolvePackages(options: ResolveOptions): Promise<readonly DebianPackage[]> {
  const { wanted, present, cacheDirectory } = options;
  const question = contentHash(JSON.stringify({ wanted, present, notNeeded })).slice(0, 16);
  const answerFile = join(cacheDirectory, `${question}.json`);
  const known = await readAnswer(answerFile);
  if (known !== undefined && known.listsStamp === (await readListsStamp())) return known.packages;
  await mkdir(cacheDirectory, { recursive: true });
  options.report(`asking apt-get what goes with ${wanted.join(', ')}`);
  const simulate = (pretended: readonly string[]) => simulateInstallation(options, pretended);
  const all = await simulate(notNeeded);
  const unwanted = all.map(({ name }) => name).filter((name) => notNeededPattern.test(name));
  const packages = unwanted.length === 0 ? all : await simulate([...notNeeded, ...unwanted]);
  const answer: Answer = { listsStamp: await readListsStamp(), packages };
  await writeFile(answerFile, JSON.stringify(answer));
  return packages;
}

/** Fetches the lists of packages anew; the old ones may name versions that are gone. */
export async function updatePackageLists(report: (line: string) => void): Promise<void> {
  report('updating the package lists');
  await runCommand(['apt-get', 'update', '--quiet'], { hint: 'This needs root and a network.' });
}

/**
 * Downloads packages into a directory, checked by apt; returns the paths of the files. Fails as
 * `not-found` where the mirror does not have them, or no longer.
 */
export async function downloadPackages(
  packages: readonly DebianPackage[],
  directory: string,
): Promise<readonly string[]> {
  const names = packages.map(({ name, version }) => `${name}=${version}`);
  // apt would hand the download to a user who may not write here.
  const asOneself = ['-o', 'APT::Sandbox::User=root'];
  try {
    await runCommand(['apt-get', ...asOneself, 'download', '--quiet', ...names], { directory });
  } catch (error) {
    throw new TuttiError('not-found', TuttiError.from(error).message, {
      hint: 'The images are made from packages, and the mirror of packages has to be in reach.',
      cause: error,
    });
  }
  return packages.map(({ name, version, architecture }) =>
    join(directory, `${name}_${version.replace(':', '%3a')}_${architecture}.deb`),
  );
}

interface Answer {
  /** When apt's lists last changed: newer lists may hold newer packages. */
  readonly listsStamp: number;
  readonly packages: readonly DebianPackage[];
}

async function readAnswer(path: string): Promise<Answer | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Answer;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new TuttiError('internal', `${path} cannot be read; delete it.`, { cause: error });
  }
}

async function readListsStamp(): Promise<number> {
  try {
    return (await stat(listsDirectory)).mtimeMs;
  } catch (error) {
    throw new TuttiError('failed-precondition', `There is no ${listsDirectory} here.`, {
      hint: aptHint,
      cause: error,
    });
  }
}

async function simulateInstallation(
  options: ResolveOptions,
  pretended: readonly string[],
): Promise<readonly DebianPackage[]> {
  const architecture = await runCommand(['dpkg', '--print-architecture'], { hint: aptHint });
  const statusFile = join(options.cacheDirectory, `status.${process.pid}`);
  const status = renderStatus({
    present: options.present,
    pretended,
    architecture: architecture.trim(),
  });
  await writeFile(statusFile, status);
  const install = () =>
    runCommand(
      [
        'apt-get',
        '--option=Debug::NoLocking=true',
        `--option=Dir::State::status=${statusFile}`,
        '--no-install-recommends',
        '--simulate',
        'install',
        ...options.wanted,
      ],
      { hint: aptHint },
    );
  try {
    return parseSimulation(await install());
  } catch (error) {
    if (!TuttiError.from(error).message.includes('Unable to locate package')) throw error;
    await updatePackageLists(options.report);
    return parseSimulation(await install());
  } finally {
    await rm(statusFile, { force: true });
  }
}

/** Reads the lines `Inst name (version source [architecture])` of `apt-get --simulate install`. */
export function parseSimulation(output: string): readonly DebianPackage[] {
  const packages: DebianPackage[] = [];
  for (const line of output.split('\n')) {
    const match = /^Inst (\S+) (?:\[\S+\] )?\((\S+) .*\[(\w+)\]\)/.exec(line);
    if (match === null) continue;
    const [, name = '', version = '', architecture = ''] = match;
    packages.push({ name, version, architecture });
  }
  return packages.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** A dpkg status file, in which `present` and `pretended` are installed and nothing else. */
function renderStatus({
  present,
  pretended,
  architecture,
}: {
  readonly present: readonly DebianPackage[];
  readonly pretended: readonly string[];
  readonly architecture: string;
}): string {
  const anyVersion = pretended.map((name) => ({ name, version: '9999:1', architecture }));
  return [...present, ...anyVersion]
    .map(({ name, version }) =>
      [
        `Package: ${name}`,
        'Status: install ok installed',
        `Version: ${version}`,
        `Architecture: ${architecture}`,
        'Multi-Arch: allowed',
        'Maintainer: nobody <nobody@example.invalid>',
        'Description: there already',
        '',
      ].join('\n'),
    )
    .join('\n');
}
