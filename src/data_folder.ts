/** Where a server's own files lie. */

import { dirname, join } from "node:path";
import { schemeOf } from "../backends/registry.ts";
import { DEFAULT_CONFIG } from "./config.ts";

/** The folder of a store's file; of a store elsewhere, that of the default one. */
export function dataFolderOf(endpoint: string): string {
  const isFile = schemeOf(endpoint) === "sqlite";
  const [path = ""] = (isFile ? endpoint : DEFAULT_CONFIG.endpoint).split("?");
  return dirname(path.replace(/^sqlite:(\/\/)?/i, ""));
}

/** Where a certificate lies that the server made for itself; where etcd has it. */
export function autoTlsFolder(dataFolder: string): string {
  return join(dataFolder, "fixtures", "client");
}
