import assert from "node:assert/strict";
import type { DescService } from "@bufbuild/protobuf";
import { GATEWAY_PATHS, grpcPathOf } from "./gateway_paths.ts";

Deno.test("every method of every service has a path, but RangeStream", () => {
  const services = new Set<DescService>();
  const reached = new Set<string>();
  for (const method of GATEWAY_PATHS.values()) {
    services.add(method.parent);
    reached.add(grpcPathOf(method));
  }
  assert.equal(services.size, 8);
  const missing = [...services].flatMap((service) => service.methods.map(grpcPathOf))
    .filter((path) => !reached.has(path));
  assert.deepEqual(missing, ["/etcdserverpb.KV/RangeStream"]);
});
