/** A bound for what a backend may never answer. */

/** @throws {Error} that says what did not end */
export async function within<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`${what} did not end within ${ms / 1_000} s`)),
    ms,
  );
  // What comes of it later is nobody's.
  work.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
