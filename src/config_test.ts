import assert from "node:assert/strict";
import { type Config, DEFAULT_CONFIG, makeConfig } from "./config.ts";

Deno.test("makeConfig() fills in the defaults", () => {
  assert.deepEqual(makeConfig(), DEFAULT_CONFIG);
  assert.deepEqual(makeConfig({ name: "a" }), { ...DEFAULT_CONFIG, name: "a" });
});

Deno.test("makeConfig() refuses values out of their bounds by name", () => {
  const wrong: readonly (readonly [values: Partial<Config>, start: string])[] = [
    [{ compactIntervalMs: -1 }, "Invalid config: compactIntervalMs is -1: expected"],
    [{ compactIntervalMs: 2 ** 31 }, "Invalid config: compactIntervalMs is 2147483648: expected"],
    [{ compactMinRetain: 1.5 }, "Invalid config: compactMinRetain is 1.5: expected"],
    [{ compactBatchSize: 0 }, "Invalid config: compactBatchSize is 0: expected"],
    [{ maxTxnOps: Number.NaN }, "Invalid config: maxTxnOps is NaN: expected"],
    [
      { listenClientUrls: [{ scheme: "http", host: "a", port: 65_536 }] },
      "Invalid config: listenClientUrls.port is",
    ],
    [{ listenClientUrls: [] }, "Invalid config: listenClientUrls is empty"],
    [{ endpoint: "" }, "Invalid config: endpoint is empty"],
    [{ emulatedEtcdVersion: "3.7" }, 'Invalid config: emulatedEtcdVersion is "3.7"'],
  ];
  for (const [values, start] of wrong) {
    assert.throws(
      () => makeConfig(values),
      (error) => error instanceof RangeError && error.message.startsWith(start),
      start,
    );
  }
});
