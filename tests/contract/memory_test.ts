import { openStore } from "../../backends/memory/mod.ts";
import { createStore, type MemoryStore } from "../../backends/memory/store.ts";
import { testBackend } from "../../backends/conformance/suite.ts";

for (const isShared of [false, true]) {
  testBackend({
    name: isShared ? "memory of several servers" : "memory",
    exclusive: !isShared,
    createStore() {
      let store: MemoryStore | undefined;
      return Promise.resolve({
        open(options) {
          store ??= createStore({ clusterId: options.randomId(), nowMs: options.now() });
          return Promise.resolve(openStore(store, { ...options, isShared }));
        },
        remove: () => Promise.resolve(),
      });
    },
  });
}
