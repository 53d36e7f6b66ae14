/** Asks a server for a page over HTTP. */

import { readFileSync } from "node:fs";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { ServerProbe } from "./server_probe.ts";

/** Longest wait; supervisors have limits of their own. */
const TIMEOUT_MS = 5_000;

export interface Question {
  readonly path: string;
  /** Makes it a POST. */
  readonly json?: string;
  /** A longer answer is a failure. */
  readonly lengthMax: number;
}

export interface Page {
  readonly status: number;
  readonly body: string;
}

/** @throws {Error} if there is no answer in time, or none of HTTP */
export async function askPage(
  probe: ServerProbe,
  { path, json, lengthMax }: Question,
): Promise<Page> {
  const { promise, resolve, reject } = Promise.withResolvers<Page>();
  const url = `${probe.origin}${path}`;
  const options = {
    method: json === undefined ? "GET" : "POST",
    ...(probe.socketPath === "" ? {} : { socketPath: probe.socketPath }),
    agent: false as const,
    headers: { connection: "close" },
  };
  const request = url.startsWith("https:")
    ? requestHttps(url, { ...options, ...tlsOptions(probe) })
    : requestHttp(url, options);
  const timer = setTimeout(
    () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1_000}s`)),
    TIMEOUT_MS,
  );
  request.on("error", reject);
  request.on("response", (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      body += chunk;
      if (body.length > lengthMax) reject(new Error("the answer is too long"));
    });
    response.on("error", reject);
    response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
  });
  request.end(json);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    request.destroy();
  }
}

function tlsOptions({ cacert, cert, key }: ServerProbe) {
  return {
    rejectUnauthorized: cacert !== "",
    // None rather than left out: to look for the system's takes a permission.
    ca: cacert === "" ? [] : readFileSync(cacert),
    ...(cert === "" ? {} : { cert: readFileSync(cert) }),
    ...(key === "" ? {} : { key: readFileSync(key) }),
  };
}
