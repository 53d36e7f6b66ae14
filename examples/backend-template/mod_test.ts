/** The conformance suite, on a Shelf that is started here. */

import { testBackend } from "@rhino/rhino/conformance";
import { open, remove } from "./mod.ts";
import { serveShelves } from "./shelf_server.ts";

const folder = await Deno.makeTempDir();
const server = serveShelves({ port: 0, path: `${folder}/shelf.log` });
let shelves = 0;

testBackend({
  name: "shelf",
  // Leases run by the server's clock, which the suite cannot move.
  clock: "database",
  createStore() {
    const endpoint = `shelf://127.0.0.1:${server.addr.port}/shelf-${++shelves}`;
    return Promise.resolve({
      open: (options) => open(endpoint, options),
      remove: () => remove(endpoint),
    });
  },
});

Deno.test.afterAll(async () => {
  await server.shutdown();
  await Deno.remove(folder, { recursive: true });
});
