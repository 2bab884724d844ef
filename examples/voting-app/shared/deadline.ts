/** Rejects when `work` takes longer than `limitMs`; the message names what was waited for. */
export async function withDeadline<Value>(
  work: Promise<Value>,
  { limitMs, what }: { readonly limitMs: number; readonly what: string },
): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`${what} took longer than ${limitMs} ms`));
  }, limitMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
