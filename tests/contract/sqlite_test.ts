import { openTuned } from "../../backends/sqlite/mod.ts";
import { testBackend } from "../../backends/conformance/suite.ts";

for (const syncMode of ["adaptive", "awaited"] as const) {
  testBackend({
    name: `sqlite with ${syncMode} syncs`,
    exclusive: true,
    async createStore() {
      const folder = await Deno.makeTempDir({ prefix: "rhino_" });
      return {
        open: (options) => openTuned(`${folder}/state.db`, options, { syncMode }),
        remove: () => Deno.remove(folder, { recursive: true }),
      };
    },
  });
}
