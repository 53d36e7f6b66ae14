/**
 * Rhino as a library: start a server inside a program.
 *
 * ```ts ignore
 * import { makeConfig, startServer } from "@rhino/rhino";
 *
 * const config = makeConfig({
 *   endpoint: "memory://",
 *   listenClientUrls: [{ scheme: "http", host: "127.0.0.1", port: 0 }],
 * });
 * await using server = await startServer(config, () => {});
 * const endpoint = `http://${server.address}`;
 * ```
 */
export { type Config, DEFAULT_CONFIG, makeConfig } from "./config.ts";
export type { Log } from "./log.ts";
export { createLog } from "./log.ts";
export { type RunningServer, startServer } from "./server.ts";
