/** The public conformance suite over the example backend for Redis. */

import { testBackend } from "../../backends/conformance/suite.ts";
import { open, remove } from "../../examples/redis/mod.ts";
import { OPEN_OPTIONS } from "../../backends/conformance/subject.ts";
import { missingFor } from "../support/databases/installed.ts";
import { RedisServer } from "../support/databases/redis_server.ts";

const isMissing = missingFor("redis") !== undefined && Deno.env.get("CI") !== "true";

testBackend({
  name: "redis",
  clock: "database",
  createStore: isMissing ? undefined : async () => {
    const server = await RedisServer.start({ appendfsync: "no" });
    const url = server.url();
    return {
      open: (options) => open(url, options),
      async remove() {
        try {
          await remove(url, OPEN_OPTIONS);
        } finally {
          await server[Symbol.asyncDispose]();
        }
      },
    };
  },
});
