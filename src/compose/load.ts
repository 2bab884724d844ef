import { TuttiError } from '../lib/error.ts';
import { anchorPaths } from './anchor-paths.ts';
import { parseEnvFile } from './env-file.ts';
import { isMapping, type Mapping } from './field.ts';
import { Findings } from './findings.ts';
import type { Environment } from './interpolate.ts';
import { mergeValues, strip } from './merge.ts';
import { parseDocumentText } from './parse.ts';

/** Files of whoever deploys. Paths are joined with the document's directory by `resolve`. */
export interface ComposeFiles {
  /** @throws TuttiError `not-found` */
  read(path: string): Promise<Uint8Array>;
  /** An absolute path: `relative` seen from the directory `base`. */
  resolve(base: string, relative: string): string;
  /** The directory that holds the path. */
  directory(path: string): string;
}

export interface LoadOptions {
  readonly files: ComposeFiles;
  readonly environment: Environment;
  /** Profiles that are switched on. */
  readonly profiles: readonly string[];
}

export interface LoadedDocument {
  readonly root: Mapping;
  /** Relative paths in the document start here. */
  readonly directory: string;
  readonly findings: Findings;
}

interface Source {
  readonly path: string;
  readonly text: string;
}

const maxDepth = 16;

/**
 * Loads documents in order, the later over the earlier, with `include`, `extends` and profiles
 * resolved.
 *
 * @throws TuttiError `invalid-argument` naming file and line, or `not-found` naming the file.
 */
export async function loadDocuments(
  sources: readonly Source[],
  options: LoadOptions,
): Promise<LoadedDocument> {
  const first = sources[0];
  if (first === undefined)
    throw new TuttiError('invalid-argument', 'no compose document was given');
  const findings = new Findings();
  const loader = new Loader(options, findings);
  let root: Mapping = {};
  for (const source of sources) root = merged(root, await loader.load(source, 0));
  findings.throwErrors();
  return {
    root: selectProfiles(root, options.profiles),
    directory: options.files.directory(first.path),
    findings,
  };
}

function merged(base: Mapping, over: Mapping): Mapping {
  return mergeValues(base, over) as Mapping;
}

class Loader {
  readonly #options: LoadOptions;
  readonly #findings: Findings;

  constructor(options: LoadOptions, findings: Findings) {
    this.#options = options;
    this.#findings = findings;
  }

  async load(source: Source, depth: number): Promise<Mapping> {
    if (depth > maxDepth) {
      throw new TuttiError(
        'invalid-argument',
        `${source.path}: include or extends goes in circles`,
      );
    }
    const own = parseDocumentText(source.text, {
      fileName: source.path,
      environment: this.#options.environment,
      findings: this.#findings,
    });
    const { include, ...rest } = own;
    const extended = await this.#extendServices(rest, source, depth);
    if (include === undefined || include === null) return extended;
    return merged(await this.#include(include, source, depth), extended);
  }

  async #include(include: unknown, source: Source, depth: number): Promise<Mapping> {
    let root: Mapping = {};
    const entries: readonly unknown[] = Array.isArray(include) ? include : include ? [include] : [];
    for (const entry of entries) {
      const paths: unknown = isMapping(entry) ? entry['path'] : entry;
      const loader = await this.#loaderFor(entry, source);
      for (const path of Array.isArray(paths) ? (paths as readonly unknown[]) : [paths]) {
        if (typeof path !== 'string') {
          this.#findings.error('include', 'expected a path, or a mapping with "path"');
          continue;
        }
        const other = await this.#read(path, source);
        const loaded = await loader.load(other, depth + 1);
        const { files } = this.#options;
        const named = isMapping(entry) ? entry['project_directory'] : undefined;
        const directory =
          typeof named === 'string'
            ? files.resolve(files.directory(source.path), named)
            : files.directory(other.path);
        root = merged(
          root,
          anchorPaths(loaded, (one) => files.resolve(directory, one)),
        );
      }
    }
    return root;
  }

  /** An included document may bring variables of its own; those of the deployer come first. */
  async #loaderFor(entry: unknown, source: Source): Promise<Loader> {
    const named = isMapping(entry) ? entry['env_file'] : undefined;
    if (named === undefined || named === null) return this;
    const values: Record<string, string> = {};
    for (const path of Array.isArray(named) ? (named as readonly unknown[]) : [named]) {
      const { path: fileName, text } = await this.#read(String(path), source);
      const { environment } = this.#options;
      Object.assign(values, Object.fromEntries(parseEnvFile(text, { fileName, environment })));
    }
    const environment = { ...values, ...this.#options.environment };
    return new Loader({ ...this.#options, environment }, this.#findings);
  }

  async #read(path: string, from: Source): Promise<Source> {
    const base = this.#options.files.directory(from.path);
    const resolved = this.#options.files.resolve(base, path);
    const bytes = await this.#options.files.read(resolved);
    return { path: resolved, text: new TextDecoder().decode(bytes) };
  }

  async #extendServices(root: Mapping, source: Source, depth: number): Promise<Mapping> {
    const services = root['services'];
    if (!isMapping(services)) return root;
    const result: Record<string, unknown> = {};
    for (const name of Object.keys(services)) {
      result[name] = await this.#extend(name, { services, source, depth });
    }
    return { ...root, services: result };
  }

  async #extend(
    name: string,
    scope: { readonly services: Mapping; readonly source: Source; readonly depth: number },
  ): Promise<unknown> {
    const own = scope.services[name];
    if (!isMapping(own) || own['extends'] === undefined) return own;
    if (scope.depth > maxDepth) {
      throw new TuttiError('invalid-argument', `services.${name}.extends goes in circles`);
    }
    const { extends: target, ...rest } = own;
    const file = isMapping(target) ? target['file'] : undefined;
    const baseName = isMapping(target) ? target['service'] : target;
    if (typeof baseName !== 'string') {
      this.#findings.error(`services.${name}.extends`, 'expected "service", the name to extend');
      return rest;
    }
    const other = typeof file === 'string' ? await this.#read(file, scope.source) : undefined;
    const base =
      other === undefined
        ? await this.#extend(baseName, { ...scope, depth: scope.depth + 1 })
        : await this.#serviceOf(other, baseName, scope.depth + 1);
    if (!isMapping(base)) {
      const where = other === undefined ? 'this document' : other.path;
      this.#findings.error(
        `services.${name}.extends`,
        `there is no service "${baseName}" in ${where}`,
      );
      return rest;
    }
    return mergeValues(base, rest);
  }

  async #serviceOf(source: Source, name: string, depth: number): Promise<unknown> {
    const { files } = this.#options;
    const directory = files.directory(source.path);
    const loaded = await this.load(source, depth);
    const root = anchorPaths(loaded, (path) => files.resolve(directory, path));
    const services = root['services'];
    return isMapping(services) ? services[name] : undefined;
  }
}

/**
 * Leaves out services whose profiles are all off, with what depended on them where it is not
 * required.
 */
function selectProfiles(root: Mapping, profiles: readonly string[]): Mapping {
  const services = root['services'];
  if (!isMapping(services) || profiles.includes('*')) return strip(root) as Mapping;
  const kept = Object.entries(services).filter(([, service]) => {
    const own = isMapping(service) ? service['profiles'] : undefined;
    if (!Array.isArray(own) || own.length === 0) return true;
    return own.some((profile) => profiles.includes(String(profile)));
  });
  return strip({ ...root, services: Object.fromEntries(kept) }) as Mapping;
}
