/** Keys as every store orders them: as unsigned bytes. */

/** The least key above this one. */
export function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
