import { openBackend } from "../../backends/registry.ts";
import { testBackend } from "./backend_suite.ts";

testBackend({
  name: "sqlite",
  async createStore() {
    const folder = await Deno.makeTempDir({ prefix: "rhino_" });
    return {
      open: (options) => openBackend(`${folder}/state.db`, options),
      remove: () => Deno.remove(folder, { recursive: true }),
    };
  },
});
