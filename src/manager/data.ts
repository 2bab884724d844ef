import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import type { Config, DataSpec, Secret } from '../model/secret.ts';
import { isTemplated } from '../model/secret.ts';
import { nameKey } from '../store/schema.ts';
import type { TableWriter, Transaction, View } from '../store/view.ts';
import { checkLabels, refuse, show } from './admission-check.ts';
import { checkObjectName } from './admission-names.ts';
import { checkTemplatedData } from './admission-template.ts';
import { checkVersion } from './version.ts';
import type { WriteContext } from './writer.ts';

/** Secrets and configs: blobs with a name. Their content never changes; only their labels do. */
export type DataKind = 'secret' | 'config';

/** Swarm's limits: content must be smaller (swarmkit manager/controlapi). */
const sizeLimits: Readonly<Record<DataKind, number>> = { secret: 512_000, config: 1_024_000 };

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

interface NewData {
  readonly kind: DataKind;
  readonly spec: DataSpec;
  readonly data: string;
}

export function createData(
  tx: Transaction,
  options: NewData & { readonly context: WriteContext },
): Secret | Config {
  const { kind, spec, data, context } = options;
  checkData(kind, spec, data);
  if (findData(tx, kind, spec.name) !== undefined) {
    throw new TuttiError('already-exists', `${kind} ${spec.name} already exists`, {
      field: 'spec.name',
      hint: `Take another name, or remove the ${kind} first.`,
    });
  }
  const row = {
    id: context.newId(),
    version: tx.revision,
    createdAt: context.now,
    updatedAt: context.now,
    spec,
    data,
  };
  table(tx, kind).put(row);
  return row;
}

/** Throws `unimplemented` when anything but the labels is different. */
export function updateData(
  tx: Transaction,
  options: {
    readonly kind: DataKind;
    readonly id: string;
    readonly spec: DataSpec;
    readonly version: number;
    readonly context: WriteContext;
  },
): void {
  const { kind, id, spec, context } = options;
  const row = dataRow(tx, kind, id);
  checkVersion(row, options.version);
  checkLabels('spec.labels', spec.labels);
  if (!sameJson({ ...row.spec, labels: {} }, { ...spec, labels: {} })) {
    refuse('spec', `${kind} ${row.spec.name}: only updates to Labels are allowed`, {
      hint: `Create a new ${kind} under another name and let the services use that.`,
    });
  }
  table(tx, kind).put({ ...row, spec, version: tx.revision, updatedAt: context.now });
}

export function removeData(tx: Transaction, kind: DataKind, id: string): void {
  const row = dataRow(tx, kind, id);
  const users = servicesUsing(tx, id);
  if (users.length > 0) {
    const which = users.length === 1 ? 'service' : 'services';
    throw new TuttiError(
      'invalid-argument',
      `${kind} '${row.spec.name}' is in use by the following ${which}: ${users.join(', ')}`,
      { hint: 'Remove the services, or update them to do without it.' },
    );
  }
  table(tx, kind).delete(id);
}

/** Throws what is wrong with a new secret or config by itself. */
function checkData(kind: DataKind, spec: DataSpec, data: string): void {
  checkObjectName('spec.name', spec.name);
  checkLabels('spec.labels', spec.labels);
  if (spec.driver !== undefined && spec.driver.name !== '') {
    refuse('spec.driver', `the ${kind} driver ${show(spec.driver.name)} is not supported`, {
      code: 'unimplemented',
      hint: `Give the content of the ${kind} itself.`,
    });
  }
  if (spec.templating !== undefined && spec.templating.name !== '') {
    const { name } = spec.templating;
    if (name !== 'golang') {
      refuse('spec.templating', `the templating driver ${show(name)} is not supported`, {
        code: 'unimplemented',
        hint: 'Use golang, or fill the template in before you create it.',
      });
    }
  }
  if (!base64.test(data)) refuse('data', `the content of ${kind} ${spec.name} is not base64`);
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0;
  const sizeBytes = (data.length / 4) * 3 - padding;
  if (sizeBytes <= 0 || sizeBytes >= sizeLimits[kind]) {
    refuse(
      'data',
      `${kind} data must be larger than 0 and less than ${sizeLimits[kind]} bytes; ` +
        `that of ${spec.name} has ${sizeBytes}`,
    );
  }
  if (isTemplated(spec)) checkTemplatedData(kind, data);
}

export function findData(view: View, kind: DataKind, name: string): Secret | Config | undefined {
  const table = kind === 'secret' ? view.secrets : (view.configs as unknown as View['secrets']);
  const [row] = table.by('name', nameKey(name));
  return row;
}

/** Names of the services that use it now; those on their way out do not count. */
function servicesUsing(tx: Transaction, id: string): readonly string[] {
  const names = new Set<string>();
  for (const template of tx.templates.by('data', id)) {
    const service = tx.services.get(template.serviceId);
    if (service === undefined || service.removing === true) continue;
    if (service.templateId === template.id) names.add(service.spec.name);
  }
  return [...names].toSorted();
}

function dataRow(tx: Transaction, kind: DataKind, id: string): Secret | Config {
  const row = table(tx, kind).get(id);
  if (row !== undefined) return row;
  throw new TuttiError('not-found', `${kind} ${id} not found`);
}

/** Both tables have the same columns. */
function table(tx: Transaction, kind: DataKind): TableWriter<'secrets'> {
  return kind === 'secret' ? tx.secrets : (tx.configs as unknown as TableWriter<'secrets'>);
}
