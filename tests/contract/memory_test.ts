import { openStore } from "../../backends/memory/mod.ts";
import { createStore, type MemoryStore } from "../../backends/memory/store.ts";
import { testBackend } from "../../backends/conformance/suite.ts";

testBackend({
  name: "memory",
  createStore() {
    let store: MemoryStore | undefined;
    return Promise.resolve({
      open(options) {
        store ??= createStore({ clusterId: options.randomId(), nowMs: options.now() });
        return Promise.resolve(openStore(store, options));
      },
      remove: () => Promise.resolve(),
    });
  },
});
