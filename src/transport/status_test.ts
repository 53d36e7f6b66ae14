import assert from "node:assert/strict";
import { GRPC, StatusError } from "../errors.ts";
import { createStatusMapper, type ToStatus } from "./status.ts";

/** Maps one error; tells the status as `code message` and whether a defect was reported. */
function map(error: unknown, toStatus?: ToStatus): [string, boolean] {
  let isDefect = false;
  const mapStatus = createStatusMapper({ toStatus, onDefect: () => isDefect = true });
  const { code, message } = mapStatus(error, "/a/B");
  return [`${code} ${message}`, isDefect];
}

Deno.test("a StatusError is its own status", () => {
  assert.deepEqual(map(new StatusError(GRPC.NOT_FOUND, "gone")), ["5 gone", false]);
});

Deno.test("the platform's cancellations become Cancelled and DeadlineExceeded", () => {
  assert.deepEqual(map(AbortSignal.abort().reason), ["1 context canceled", false]);
  const timeout = new DOMException("late", "TimeoutError");
  assert.deepEqual(map(timeout), ["4 context deadline exceeded", false]);
});

Deno.test("anything else is an internal error without details, and reported", () => {
  for (const error of [new Error("secret"), "secret", undefined, null, { code: 5 }]) {
    assert.deepEqual(map(error), ["13 internal error", true]);
  }
});

Deno.test("the given mapping is asked first, and may fail itself", () => {
  const toStatus: ToStatus = (error) => {
    if (error instanceof RangeError) return { code: GRPC.UNAVAILABLE, message: "down" };
    if (error instanceof TypeError) throw new Error("broken mapping");
    return undefined;
  };
  assert.deepEqual(map(new RangeError("x"), toStatus), ["14 down", false]);
  assert.deepEqual(map(new TypeError("x"), toStatus), ["13 internal error", true]);
  assert.deepEqual(map(new StatusError(GRPC.NOT_FOUND, "gone"), toStatus), ["5 gone", false]);
});

Deno.test("a reporter that throws does not take the answer away", () => {
  const mapStatus = createStatusMapper({
    toStatus: undefined,
    onDefect() {
      throw new Error("disk full");
    },
  });
  assert.equal(mapStatus(new Error("secret"), "/a/B").code, GRPC.INTERNAL);
});
