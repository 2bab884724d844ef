import { existsSync, readFileSync } from 'node:fs';

/** Where Compose and Swarm put the secret `db_password`. */
const passwordFile = '/run/secrets/db_password';

/** Environment variables as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the two web pages have in common. */
export interface PageSettings {
  readonly port: number;
  readonly optionA: string;
  readonly optionB: string;
  readonly version: string;
}

/** Reads PORT, OPTION_A, OPTION_B and APP_VERSION. Throws when PORT is no port. */
export function readPageSettings(environment: Environment): PageSettings {
  return {
    port: readPort(environment['PORT']),
    optionA: environment['OPTION_A'] || 'Cats',
    optionB: environment['OPTION_B'] || 'Dogs',
    version: environment['APP_VERSION'] || 'development',
  };
}

/** The host that holds the queue of votes. */
export function readRedisHost(environment: Environment): string {
  return environment['REDIS_HOST'] || 'redis';
}

/** What the PostgreSQL client needs to connect. */
export interface DatabaseSettings {
  readonly host: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/**
 * Reads PGHOST, PGUSER, PGPASSWORD and PGDATABASE. Without PGPASSWORD the secret `db_password`
 * counts, and without that the password that the well-known example stack uses.
 */
export function readDatabaseSettings(environment: Environment): DatabaseSettings {
  return {
    host: environment['PGHOST'] || 'db',
    user: environment['PGUSER'] || 'postgres',
    password: environment['PGPASSWORD'] || readPasswordFile() || 'postgres',
    database: environment['PGDATABASE'] || 'postgres',
  };
}

function readPort(text: string | undefined): number {
  if (text === undefined || text === '') return 80;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Error(`PORT is "${text}", but must be a number from 0 to 65535.`);
}

function readPasswordFile(): string | undefined {
  return existsSync(passwordFile) ? readFileSync(passwordFile, 'utf8').trimEnd() : undefined;
}
