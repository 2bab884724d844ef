/**
 * The ids that an index files under one key, in order of their arrival. Most keys file one id
 * (slots, names, addresses): those keep the bare string, because a million Sets of one are 200 MB.
 */
export type Bucket = string | Set<string>;

/** The bucket with the id at its end; an id that is there already keeps its place. */
export function bucketWith(bucket: Bucket | undefined, id: string): Bucket {
  if (bucket === undefined) return id;
  if (typeof bucket === 'string') return bucket === id ? bucket : new Set([bucket, id]);
  return bucket.add(id);
}

/** The bucket without the id; `undefined` when nothing is left. */
export function bucketWithout(bucket: Bucket | undefined, id: string): Bucket | undefined {
  if (bucket === undefined || bucket === id) return undefined;
  if (typeof bucket === 'string') return bucket;
  bucket.delete(id);
  return bucket.size === 0 ? undefined : bucket;
}

export function bucketHas(bucket: Bucket | undefined, id: string): boolean {
  if (bucket === undefined) return false;
  return typeof bucket === 'string' ? bucket === id : bucket.has(id);
}

export function bucketSize(bucket: Bucket | undefined): number {
  if (bucket === undefined) return 0;
  return typeof bucket === 'string' ? 1 : bucket.size;
}

export function bucketIds(bucket: Bucket | undefined): Iterable<string> {
  if (bucket === undefined) return [];
  return typeof bucket === 'string' ? [bucket] : bucket;
}
