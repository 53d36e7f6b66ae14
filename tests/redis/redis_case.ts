/** `redisTest`: one fact about the backend for Redis, on a server of the test's own. */

import type { Backend, OpenOptions } from "../../backends/contract.ts";
import { OPEN_OPTIONS } from "../../backends/conformance/subject.ts";
import { open } from "../../examples/redis/mod.ts";
import { missingFor } from "../support/databases/installed.ts";
import { type RedisOptions, RedisServer } from "../support/databases/redis_server.ts";

export interface Scene {
  readonly server: RedisServer;
  /** Opens the store; it is closed after the test. */
  join(options?: Partial<OpenOptions> & { readonly url?: string }): Promise<Backend>;
}

/** Whether tests that start Redis are left out: where it is not installed, but not in CI. */
export const isRedisMissing = missingFor("redis") !== undefined && Deno.env.get("CI") !== "true";

export function redisTest(
  name: string,
  options: RedisOptions,
  check: (scene: Scene) => Promise<void>,
): void {
  Deno.test({
    name: `redis: ${name}`,
    ignore: isRedisMissing,
    async fn() {
      await using server = await RedisServer.start({ appendfsync: "no", ...options });
      const joined: Backend[] = [];
      const scene: Scene = {
        server,
        async join({ url = server.url(), ...given } = {}) {
          const backend = await open(url, { ...OPEN_OPTIONS, ...given });
          joined.push(backend);
          return backend;
        },
      };
      try {
        await check(scene);
      } finally {
        await Promise.all(joined.map((backend) => backend.close()));
      }
    },
  });
}
