/** Who may import whom. The longest prefix that fits a path is its layer. */

const CONTRACT = "backends/contract.ts";
/** What every store stands on. */
const STORE = [
  CONTRACT,
  "backends/lease_clock.ts",
  "backends/keys.ts",
  "backends/wakes.ts",
  "backends/message_of.ts",
];
const BASE = ["src/errors.ts", "src/limits.ts", "src/at_most.ts", "src/long_work.ts"];
const ENGINE = [CONTRACT, ...BASE, "src/wire/", "src/mvcc/"];

/** Layer → what its files may import besides their own layer; each entry is a file or a folder. */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  // The foundation: no service, no engine, no SQL.
  "src/errors.ts": [],
  "src/limits.ts": [],
  "src/at_most.ts": [],
  "src/long_work.ts": ["src/errors.ts"],
  "src/wire/": BASE,
  "src/config.ts": ["src/limits.ts", "backends/registry.ts"],
  "src/client_urls.ts": ["src/config.ts"],
  "src/log.ts": ["src/config.ts", "src/log_outputs.ts", "src/log_text.ts"],
  "src/log_text.ts": [],
  "src/log_outputs.ts": ["src/config.ts", "src/log_rotation.ts"],
  "src/log_rotation.ts": ["src/config.ts"],
  "src/clocks.ts": [],
  "src/data_folder.ts": ["src/config.ts", "backends/registry.ts"],
  "src/temporary_folder.ts": ["src/config.ts", "src/client_urls.ts"],
  "src/nearest.ts": [],
  // Who serves the store.
  "src/identity.ts": ENGINE,
  "src/membership.ts": [CONTRACT, ...BASE],

  // The protocol: knows no service.
  "src/transport/": [...BASE],
  "src/http/": [...BASE, "gen/", "src/transport/"],

  // The engine: knows no protocol and no SQL.
  "src/mvcc/": [CONTRACT, ...BASE, "src/wire/"],
  "src/watch/": ENGINE,
  "src/lease/": ENGINE,
  "src/compaction/": ENGINE,
  "src/snapshot/": ENGINE,

  // What comes in from elsewhere, and what looks at a whole store.
  "src/migration/": [
    ...ENGINE,
    "gen/",
    "backends/registry.ts",
    "src/identity.ts",
    "src/snapshot/",
  ],
  // A database of kine's is reached as a store in one is.
  "src/migration/kine/": [
    CONTRACT,
    ...BASE,
    "src/mvcc/stored_kv.ts",
    "src/migration/source.ts",
    "backends/sql/",
    "backends/postgres/",
    "backends/mysql/",
  ],
  "src/checking/": [
    ...ENGINE,
    "gen/",
    "src/auth/state.ts",
    "src/identity.ts",
    "src/migration/",
    "src/snapshot/",
  ],

  // The server as its own client.
  "src/concurrency/": [...BASE, "gen/", "src/transport/"],

  // Who may do what.
  "src/auth/": [...ENGINE, "gen/", "src/config.ts", "src/log.ts"],

  // The services join both; they know no SQL.
  "src/services/": [
    ...ENGINE,
    "gen/",
    "src/clocks.ts",
    "src/config.ts",
    "src/log.ts",
    "src/membership.ts",
    "src/transport/",
    "src/watch/",
    "src/lease/",
    "src/compaction/",
    "src/snapshot/",
    "src/auth/",
    "src/concurrency/",
  ],

  // Where it listens.
  "src/auto_tls.ts": [
    "src/client_urls.ts",
    "src/config.ts",
    "src/data_folder.ts",
    "src/log.ts",
    "src/transport/",
  ],
  "src/listeners.ts": [
    "src/auto_tls.ts",
    "src/client_urls.ts",
    "src/config.ts",
    "src/log.ts",
    "src/transport/",
  ],

  // What is told of the server besides: knows its parts, and no part knows it.
  "src/metrics/": [
    ...ENGINE,
    "gen/",
    "deno.json",
    "src/config.ts",
    "src/membership.ts",
    "src/transport/",
    "src/services/",
    "src/watch/",
    "src/lease/",
    "src/compaction/",
  ],
  "src/slow_requests.ts": ["gen/", "src/log.ts", "src/transport/"],

  // The process.
  "src/cli/": [
    CONTRACT,
    "backends/registry.ts",
    "deno.json",
    "src/config.ts",
    "src/log.ts",
    "src/log_text.ts",
    "src/nearest.ts",
  ],
  // What it needs of its machine.
  "src/permissions/": [
    CONTRACT,
    "backends/registry.ts",
    "backends/this_machine.ts",
    "src/auth/bcrypt_worker.ts",
    "src/auth/token_options.ts",
    "src/client_urls.ts",
    "src/config.ts",
    "src/data_folder.ts",
    "src/temporary_folder.ts",
  ],
  "src/process/": ["src/", CONTRACT],
  // What it does besides serving.
  "src/commands/": ["src/", CONTRACT, "backends/registry.ts", "backends/conformance/"],
  "src/main.ts": [
    "src/cli/",
    "src/commands/",
    "src/config.ts",
    "src/log_text.ts",
    "src/process/",
    "backends/registry.ts",
  ],
  // What a program that starts servers sees.
  "src/library/": ["src/", CONTRACT, "backends/registry.ts"],
  "src/mod.ts": ["src/", CONTRACT],
  "src/testing.ts": ["src/library/"],
  "src/server.ts": ["src/", "backends/contract.ts", "backends/registry.ts"],
  "src/engine.ts": ["src/", "backends/contract.ts"],
  "src/method_table.ts": ["src/"],

  // The stores: know no etcd.
  [CONTRACT]: ["backends/rows.ts"],
  "backends/rows.ts": [],
  "backends/lease_clock.ts": [],
  "backends/this_machine.ts": [CONTRACT],
  "backends/keys.ts": [],
  "backends/wakes.ts": [],
  "backends/message_of.ts": [],
  "backends/trimming.ts": [CONTRACT],
  "backends/kit.ts": [...STORE, "backends/trimming.ts", "backends/sql/"],
  "backends/registry.ts": [CONTRACT, "backends/"],
  "backends/loading/": [CONTRACT, "backends/message_of.ts"],
  "backends/sandbox/": [
    CONTRACT,
    "backends/foreign_rights.ts",
    "backends/loading/",
    "backends/registry.ts",
    "backends/sql/kv_key.ts",
    "backends/message_of.ts",
    "backends/this_machine.ts",
    "backends/wakes.ts",
  ],
  "backends/foreign_rights.ts": [CONTRACT, "backends/registry.ts"],
  "backends/conformance/": STORE,
  "backends/sql/": STORE,
  "backends/memory/": STORE,
  "backends/sqlite/": STORE,
  "backends/postgres/": [...STORE, "backends/sql/"],
  "backends/mysql/": [...STORE, "backends/sql/"],

  "gen/": [],
  "proto/": [],
};

export function layerOf(path: string): string | undefined {
  return Object.keys(LAYERS)
    .filter((layer) => isIn(path, layer))
    .sort((a, b) => b.length - a.length)[0];
}

/** Whether a file of the layer may import the other file. */
export function mayImport(layer: string, path: string): boolean {
  return [layer, ...(LAYERS[layer] ?? [])].some((allowed) => isIn(path, allowed));
}

function isIn(path: string, place: string): boolean {
  return place.endsWith("/") ? path.startsWith(place) : path === place;
}
