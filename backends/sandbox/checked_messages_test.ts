/** Each message of a Worker once as it is, and once as it is not. */

import assert from "node:assert/strict";
import { messageFrom } from "./checked_messages.ts";
import { BrokenPromise } from "./checked_shapes.ts";
import type { FromWorker } from "./protocol.ts";

const EXPORTS = { contractVersion: 1, hasOpen: true, hasRemove: false };

const MESSAGES: readonly FromWorker[] = [
  { type: "ready" },
  { type: "loaded", exports: EXPORTS },
  { type: "unloadable", message: "no" },
  { type: "answer", id: 1, value: undefined },
  { type: "answer", id: 1, value: { count: 1 }, statements: ["select", 0.5] },
  { type: "answer", id: 1, value: undefined, failure: { kind: null, message: "no" } },
  { type: "answer", id: 1, value: undefined, failure: { kind: "full", message: "no" } },
  { type: "wake", id: 1 },
  { type: "log", level: "info", message: "yes", fields: { a: 1 } },
  { type: "beat", bytes: 5 },
  { type: "dying", reason: "boom" },
];

Deno.test("messageFrom() gives what a Worker says, and leaves behind what is not part of it", () => {
  for (const message of MESSAGES) {
    assert.deepEqual(messageFrom(message), message);
    assert.deepEqual(messageFrom({ ...message, more: 1 }), message);
  }
});

Deno.test("messageFrom() refuses what is no message", () => {
  for (
    const [data, promise] of [
      [null, /^a message is null, not an object$/],
      [undefined, /^a message is undefined/],
      ["ready", /^a message is "ready"/],
      [{}, /^a message's type is undefined, which is none$/],
      [[], /^a message's type is undefined/],
      [{ type: "toString" }, /^a message's type is "toString"/],
      [{ type: "loaded" }, /^a message's exports is undefined/],
      [{ type: "loaded", exports: { ...EXPORTS, hasOpen: 1 } }, /^a message's hasOpen is 1/],
      [{ type: "unloadable", message: {} }, /^a message's reason is an object, not a text$/],
      [{ type: "answer", id: "1" }, /^a message's id is "1"/],
      [{ type: "answer", id: 1, failure: null }, /^a message's failure is null/],
      [{ type: "answer", id: 1, failure: { kind: 7, message: "" } }, /^a failure's kind is 7/],
      [{ type: "answer", id: 1, failure: { kind: null } }, /^a failure's message is undefined/],
      [{ type: "answer", id: 1, statements: 5 }, /^a message's statements is 5, not a list$/],
      [{ type: "wake" }, /^a message's id is undefined/],
      [{ type: "log", level: 1, message: "", fields: {} }, /^a line's level is 1/],
      [{ type: "log", level: "info", message: "", fields: null }, /^a line's fields is null/],
      [{ type: "beat", bytes: NaN }, /^a beat's size is NaN/],
      [{ type: "dying" }, /^a message's reason is undefined/],
    ] as const
  ) {
    assert.throws(() => messageFrom(data), (error) => {
      assert.ok(error instanceof BrokenPromise, String(error));
      assert.match(error.message, promise);
      return true;
    });
  }
});
