import type { Config, DataSpec, Secret } from '../model/secret.ts';
import { goTime } from './go-time.ts';
import { unlessEmpty } from './omit-empty.ts';

/** A secret as Docker's JSON: its content is never shown. */
export function showSecret(secret: Secret): object {
  const { driver, templating } = secret.spec;
  return {
    ...showMeta(secret),
    Spec: {
      ...showAnnotations(secret.spec),
      Driver: showDriver(driver),
      Templating: showDriver(templating),
    },
  };
}

export function showConfig(config: Config): object {
  return {
    ...showMeta(config),
    Spec: {
      ...showAnnotations(config.spec),
      Data: config.data,
      Templating: showDriver(config.spec.templating),
    },
  };
}

function showMeta(row: Secret | Config): object {
  return {
    ID: row.id,
    Version: { Index: row.version },
    CreatedAt: goTime(row.createdAt),
    UpdatedAt: goTime(row.updatedAt),
  };
}

function showAnnotations(spec: DataSpec): object {
  return { Name: spec.name, Labels: spec.labels };
}

function showDriver(driver: DataSpec['driver']): object | undefined {
  if (driver === undefined) return undefined;
  return { Name: driver.name, Options: unlessEmpty(driver.options) };
}
