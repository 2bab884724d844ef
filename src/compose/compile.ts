import type { ServiceDeclaration } from '../model/service.ts';
import type { StackDeclaration } from '../model/stack.ts';
import { readData } from './data.ts';
import { Field } from './field.ts';
import type { Finding } from './findings.ts';
import { type LoadedDocument, type LoadOptions, loadDocuments } from './load.ts';
import { readVolumes } from './mounts.ts';
import { readNetworks } from './networks.ts';
import { type Scope, scopedName } from './scope.ts';
import { type ReadService, readService } from './service.ts';

export interface CompileOptions extends LoadOptions {
  /** Name of the stack; absent: the document's own `name`. */
  readonly stack?: string;
  /** Its name where nothing else says one. */
  readonly fallbackStack?: string;
}

export interface CompiledStack {
  readonly declaration: StackDeclaration;
  /** What the document says that has no effect here, each with its path. */
  readonly warnings: readonly Finding[];
}

const stackName = /^[a-z0-9][a-z0-9_-]{0,62}$/i;

/**
 * Compiles Compose documents (compose-spec; a `version` is accepted and means nothing), the later
 * over the earlier, into a stack declaration in which objects refer to each other by full name.
 *
 * @throws TuttiError `invalid-argument` with every error of the documents, one a line, each with
 * its path.
 */
export async function compileStack(
  sources: readonly { readonly path: string; readonly text: string }[],
  options: CompileOptions,
): Promise<CompiledStack> {
  const document = await loadDocuments(sources, options);
  const { findings } = document;
  const root = new Field(document.root, '', findings);
  const stack = options.stack ?? root.at('name').string() ?? options.fallbackStack ?? '';
  if (!stackName.test(stack)) {
    findings.error(
      options.stack === undefined ? 'name' : 'stack',
      `a stack is named by up to 63 letters, digits, - and _, found "${stack}"; name it otherwise`,
    );
  }
  const declaration = await compileRoot(root, { stack, document, options });
  findings.throwErrors();
  return { declaration, warnings: findings.warnings };
}

async function compileRoot(
  root: Field,
  parts: {
    readonly stack: string;
    readonly document: LoadedDocument;
    readonly options: CompileOptions;
  },
): Promise<StackDeclaration> {
  const { stack, document, options } = parts;
  const { findings, directory } = document;
  root.at('version');
  root.at('name');
  const models = root.at('models');
  if (!models.absent) findings.warn('models', 'ignored: models are not run');
  const networks = readNetworks(root, stack);
  const dataScope = { stack, directory, files: options.files, environment: options.environment };
  const secrets = await readData(root.at('secrets'), dataScope);
  const configs = await readData(root.at('configs'), dataScope);
  const scope: Scope = {
    ...dataScope,
    findings,
    networkNames: networks.names,
    secretNames: secrets.names,
    configNames: configs.names,
    volumes: readVolumes(root, stack),
  };
  const services = await readServices(root.at('services'), scope);
  root.refuseUnknown();
  return {
    name: stack,
    networks: [...networks.specs].flatMap(([key, spec]) =>
      key !== 'default' || isUsed(spec.name, services) ? [spec] : [],
    ),
    secrets: secrets.objects,
    configs: configs.objects,
    services: withKnownDependencies(withLinkNames(services), scope),
  };
}

function isUsed(networkName: string, services: readonly ServiceDeclaration[]): boolean {
  return services.some((service) =>
    service.template.networks.some((network) => network.networkId === networkName),
  );
}

async function readServices(field: Field, scope: Scope): Promise<readonly ReadService[]> {
  if (field.absent || (field.isMapping && field.members().length === 0)) {
    field.fail('a document needs at least one service under "services"');
    return [];
  }
  const services: ReadService[] = [];
  for (const [key, service] of field.members()) {
    if (service.isMapping) services.push(await readService(service, { key, scope }));
    else service.fail('expected a mapping with at least "image"');
  }
  return services;
}

/**
 * Gives services the names under which others link to them, on the networks that both share. A
 * link of Docker Compose is seen by one service alone; these names by the whole network.
 */
function withLinkNames(services: readonly ReadService[]): readonly ServiceDeclaration[] {
  const wanted = services.flatMap(({ links, template }) =>
    links.map((link) => ({ ...link, networks: template.networks.map((one) => one.networkId) })),
  );
  return services.map(({ spec, template }) => {
    const own = wanted.filter((link) => link.service === spec.name);
    const networks = template.networks.map((network) => {
      const added = own.flatMap(({ alias, networks: shared }) =>
        alias !== undefined && shared.includes(network.networkId) ? [alias] : [],
      );
      return { ...network, aliases: [...new Set([...network.aliases, ...added])] };
    });
    return { spec, template: { ...template, networks } };
  });
}

/** Refuses a dependency on a service that the document does not have, unless it is not required. */
function withKnownDependencies(
  services: readonly ServiceDeclaration[],
  { stack, findings }: Scope,
): readonly ServiceDeclaration[] {
  const names = new Set(services.map((service) => service.spec.name));
  const keyOf = (name: string): string => name.slice(scopedName(stack, '').length);
  return services.map((service) => {
    const known = service.spec.dependsOn.filter((dependency) => names.has(dependency.service));
    for (const missing of service.spec.dependsOn) {
      if (names.has(missing.service) || !missing.required) continue;
      findings.error(
        `services.${keyOf(service.spec.name)}.depends_on`,
        `there is no service "${keyOf(missing.service)}"; declare it, or switch its profile on`,
      );
    }
    return { ...service, spec: { ...service.spec, dependsOn: known } };
  });
}
