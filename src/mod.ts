/**
 * Rhino as a library: an etcd server inside a program.
 *
 * ```ts
 * import { RhinoServer } from "@rhino/rhino";
 *
 * await using server = await RhinoServer.start({ endpoint: "memory://" });
 * const address = server.address; // for a client: 127.0.0.1:36405, say
 * ```
 *
 * For tests of programs that use etcd there is more in `@rhino/rhino/testing`.
 */
export {
  type Backend,
  BackendError,
  type BackendErrorKind,
  type BackendModule,
} from "../backends/contract.ts";
export type { AutoCompaction, FeatureGate, LogFormat, LogThreshold } from "./config.ts";
export { type DatabaseConfig, DEFAULT_DSN, mysql, postgres, sqlite } from "./library/databases.ts";
export type { RhinoOptions } from "./library/options.ts";
export { RhinoServer } from "./library/rhino_server.ts";
export type { ListeningUrl, Serves } from "./listeners.ts";
export { createLog, type Log, type LogOptions } from "./log.ts";
