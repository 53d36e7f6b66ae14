import assert from "node:assert/strict";
import { kineEndpoint } from "./kine_endpoint.ts";

Deno.test("kine on SQLite syncs every commit", () => {
  assert.match(kineEndpoint({ dir: "/data" }), /^sqlite:\/\/\/data\/state\.db\?.*synchronous=FULL/);
});

Deno.test("kine gets the databases' URLs in the words of their Go drivers", () => {
  const dir = "/data";
  assert.equal(
    kineEndpoint({ dir, databaseUrl: "postgres://rhino:pass@127.0.0.1:5433/rhino_1" }),
    "postgres://rhino:pass@127.0.0.1:5433/rhino_1?sslmode=disable",
  );
  assert.equal(
    kineEndpoint({ dir, databaseUrl: "mysql://rhino:p%40ss@127.0.0.1:3307/rhino_1" }),
    "mysql://rhino:p@ss@tcp(127.0.0.1:3307)/rhino_1",
  );
});
