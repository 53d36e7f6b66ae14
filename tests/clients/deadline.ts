// A bound on every wait, so that a test that waits for nothing fails with a sentence.

/**
 * Waits for a promise, but not for ever.
 *
 * @throws {Error} when `timeoutMs` have passed first, naming what did not come.
 */
export async function withDeadline<T>(
  promise: Promise<T>,
  timeoutMs: number,
  { what }: { readonly what: string },
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Waited ${timeoutMs} ms in vain for ${what}`)),
    timeoutMs,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
