import assert from "node:assert/strict";
import { layerOf, LAYERS, mayImport } from "./layers.ts";
import { allFiles, readModule } from "./source_tree.ts";

function isAllowed(from: string, to: string): boolean {
  const layer = layerOf(from);
  assert.ok(layer !== undefined, from);
  return mayImport(layer, to);
}

Deno.test("layers: the protocol knows no service, services no SQL, the engine no protocol, backends no etcd", () => {
  assert.ok(isAllowed("src/mvcc/writer.ts", "backends/contract.ts"));
  assert.ok(isAllowed("src/services/kv.ts", "src/transport/call.ts"));
  assert.ok(isAllowed("src/server.ts", "backends/registry.ts"));
  assert.ok(!isAllowed("src/transport/listener.ts", "src/services/kv.ts"));
  assert.ok(!isAllowed("src/services/kv.ts", "backends/sqlite/mod.ts"));
  assert.ok(!isAllowed("src/mvcc/writer.ts", "src/transport/call.ts"));
  assert.ok(!isAllowed("src/mvcc/writer.ts", "gen/etcdserverpb/kv_pb.ts"));
  assert.ok(!isAllowed("src/server.ts", "backends/sqlite/mod.ts"));
  assert.ok(!isAllowed("backends/sqlite/mod.ts", "src/errors.ts"));
  assert.ok(!isAllowed("backends/sqlite/mod.ts", "backends/memory/mod.ts"));
  assert.equal(layerOf("src/somewhere/else.ts"), undefined);
});

Deno.test("layers: every layer has files", () => {
  // Of layers that are named before they are there.
  const planned = new Set(["backends/sql/", "src/mod.ts"]);
  const files = allFiles();
  const empty = Object.keys(LAYERS).filter((layer) =>
    !planned.has(layer) && !files.some((path) => path.startsWith(layer))
  );
  assert.deepEqual(empty, []);
});

Deno.test("readModule() finds imports of every form, and the size of functions", () => {
  const { imports } = readModule("backends/registry.ts");
  assert.deepEqual(
    imports.filter(({ path }) => path === "backends/sqlite/mod.ts"),
    [{ path: "backends/sqlite/mod.ts", isDynamic: true, isTypeOnly: false }],
  );
  assert.ok(imports.some(({ path, isDynamic }) => path === "backends/contract.ts" && !isDynamic));
  const { functions } = readModule("tests/tidy/layers_test.ts");
  assert.deepEqual(functions.find(({ name }) => name === "isAllowed"), {
    name: "isAllowed",
    lines: 5,
  });
});
