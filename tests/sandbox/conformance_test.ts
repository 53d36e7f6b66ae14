/** The conformance suite through the sandbox: what goes in and comes out of a Worker is what goes in and out of a store. */

import { moduleOf } from "../../backends/registry.ts";
import { testBackend } from "../../backends/conformance/suite.ts";

testBackend({
  name: "sqlite in a sandbox",
  // The Worker has a clock of its own.
  clock: "database",
  async createStore() {
    const folder = await Deno.makeTempDir({ prefix: "rhino_" });
    const endpoint = `${folder}/state.db`;
    return {
      open: async (options) =>
        (await moduleOf({ endpoint, sandbox: true })).open(endpoint, options),
      remove: () => Deno.remove(folder, { recursive: true }),
    };
  },
});
