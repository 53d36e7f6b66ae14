/** The place where `modules/kept_store.ts` keeps its batches, and where a test says how it shall break its contract. */

import { deserialize, serialize } from "node:v8";
import { type ModuleServer, serveModules } from "./module_server.ts";

export interface KeptPlace extends ModuleServer {
  /** What the backend shall do from now on; empty for what it should. */
  fault: string;
  clusterId: bigint;
  /** How often a store was opened here. */
  opened: number;
  /** Of `kept:`, at this place. */
  readonly endpoint: string;
  /** `SCHEME=URL` of the module, which this place serves as well. */
  readonly backend: { readonly scheme: string; readonly url: string; readonly integrity: string };
}

export function keepBatches(): KeptPlace {
  const batches: unknown[] = [];
  const server = serveModules({
    "/fault": () => new Response(place.fault),
    "/cluster": () => new Response(String(place.clusterId)),
    "/batches": async (request) => {
      if (request.method === "POST") {
        batches.push(deserialize(await request.bytes()));
        return new Response("kept");
      }
      place.opened++;
      return new Response(new Uint8Array(serialize(batches)));
    },
  });
  const place = {
    ...server,
    fault: "",
    clusterId: 77n,
    opened: 0,
    endpoint: `${server.url.replace(/^http/, "kept")}/`,
    backend: {
      scheme: "kept",
      url: server.urlOf(new URL("./modules/kept_store.ts", import.meta.url)),
      integrity: "",
    },
  };
  return place;
}
