import assert from "node:assert/strict";
import type { CallContext, Method, UnaryHandler } from "../transport/call.ts";
import { withSlowCallsLogged } from "./slow_calls.ts";

const CONTEXT: CallContext = {
  signal: new AbortController().signal,
  metadata: () => undefined,
  peer: "127.0.0.1:5",
  authority: "",
  clientName: undefined,
};

/** A method whose every call takes what it is told, on a clock of its own. */
function rig(thresholdMs: number) {
  let nowMs = 0;
  const lines: Record<string, unknown>[] = [];
  const slow: UnaryHandler = async (request) => {
    await Promise.resolve();
    nowMs += request.byteLength;
    if (request.byteLength === 13) throw new Error("no");
    return [];
  };
  const methods: [string, Method][] = [
    ["/a/Slow", { kind: "unary", handle: slow }],
    ["/a/Quick", { kind: "unary", handle: () => [] }],
    ["/a/Stream", { kind: "bidi", handle: () => Promise.resolve() }],
  ];
  const table = withSlowCallsLogged(methods, {
    thresholdMs,
    now: () => nowMs,
    log: (level, message, fields) => lines.push({ level, message, ...fields }),
  });
  return {
    lines,
    table,
    methods,
    async call(path: string, ms: number) {
      const method = table.get(path);
      assert.ok(method?.kind === "unary");
      const answer = await method.handle(new Uint8Array(ms), CONTEXT);
      // What is noted beside the answer comes a turn after it.
      await Promise.resolve();
      return answer;
    },
    wait: (ms: number) => nowMs += ms,
  };
}

Deno.test("withSlowCallsLogged() logs calls over the threshold, failed ones too, in etcd's words", async () => {
  const { lines, call } = rig(12);
  await call("/a/Slow", 12);
  await call("/a/Quick", 100);
  assert.deepEqual(lines, []);
  await assert.rejects(call("/a/Slow", 13), { message: "no" });
  await Promise.resolve();
  await call("/a/Slow", 20);
  assert.deepEqual(
    lines,
    [13, 20].map((ms) => ({
      "level": "warn",
      "message": "request stats",
      "time spent": `${ms}ms`,
      "remote": "127.0.0.1:5",
      "response type": "/a/Slow",
      "request size": ms,
    })),
  );
});

Deno.test("withSlowCallsLogged() leaves out lines above the limit of a second, and counts them", async () => {
  const { lines, call, wait } = rig(1);
  for (let calls = 0; calls < 150; calls++) await call("/a/Slow", 2);
  assert.equal(lines.length, 100);
  wait(1_000);
  await call("/a/Slow", 2);
  assert.equal(lines.length, 101);
  assert.equal(lines.at(-1)?.["lines left out"], 50);
});

Deno.test("withSlowCallsLogged() leaves methods as they are where there is no threshold", () => {
  const { table, methods } = rig(0);
  assert.deepEqual([...table], methods);
});
