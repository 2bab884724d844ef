import { swarmError } from './errors.ts';

// One choice for each character: a nested repetition would take for ever on a long name that fails.
const serviceNamePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])?$/;
const dataNamePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9])?$/;
const longestServiceName = 63;
const longestDataName = 64;

/** Services and networks: the rules and words of swarmkit's control API (`validateAnnotations`). */
export function checkDnsName(name: string): void {
  if (name === '') throw swarmError('invalid-argument', 'meta: name must be provided');
  if (name.length > longestServiceName) {
    throw swarmError('invalid-argument', 'name must be 63 characters or fewer');
  }
  if (!serviceNamePattern.test(name)) {
    throw swarmError('invalid-argument', 'name must be valid as a DNS name component');
  }
}

export function checkDataName(name: string | undefined): string {
  if (name === undefined || name === '') {
    throw swarmError('invalid-argument', 'name must be provided');
  }
  if (name.length > longestDataName || !dataNamePattern.test(name)) {
    throw swarmError(
      'invalid-argument',
      'invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, ' +
        'and the start and end character must be [a-zA-Z0-9]',
    );
  }
  return name;
}

const tempers = [
  'brisk',
  'calm',
  'grave',
  'lively',
  'mellow',
  'merry',
  'quiet',
  'solemn',
  'sweet',
  'swift',
  'tender',
  'warm',
] as const;
const instruments = [
  'bassoon',
  'cello',
  'clarinet',
  'cornet',
  'flute',
  'harp',
  'horn',
  'lute',
  'oboe',
  'piano',
  'trumpet',
  'viola',
  'violin',
] as const;

/** A name such as `mellow_oboe_4821` for a service that came without one. */
export function inventName(fraction: () => number): string {
  const pick = (words: readonly string[]): string =>
    words[Math.floor(fraction() * words.length)] ?? '';
  return `${pick(tempers)}_${pick(instruments)}_${1000 + Math.floor(fraction() * 9000)}`;
}
