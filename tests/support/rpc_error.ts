/** How a call fails, and how a test says that it must. */

import assert from "node:assert/strict";

export { status as CODE } from "@grpc/grpc-js";

export interface RpcStatus {
  readonly code: number;
  readonly details: string;
}

/** A call that did not end with OK. */
export class RpcError extends Error {
  readonly code: number;
  readonly details: string;
  constructor({ code, details }: RpcStatus) {
    super(`${code}: ${details}`);
    this.name = "RpcError";
    this.code = code;
    this.details = details;
  }
}

/** Asserts that a call fails with exactly this code, and this text unless it is a pattern. */
export async function assertFails(
  call: Promise<unknown>,
  expected: readonly [code: number, details: string | RegExp],
): Promise<void> {
  const [code, details] = expected;
  const error = await call.then(
    () => assert.fail(`the call succeeded; it should fail with ${code}: ${details}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RpcError)) throw error;
  if (typeof details === "string") {
    assert.deepEqual([error.code, error.details], [code, details]);
  } else {
    assert.equal(error.code, code, error.message);
    assert.match(error.details, details);
  }
}
