/** Asks a server whether it is well. */

import { readFileSync } from "node:fs";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { HealthProbe } from "./health.ts";

/** Longest wait; supervisors have limits of their own. */
const TIMEOUT_MS = 5_000;
/** What is read of an answer. */
const ANSWER_LENGTH_MAX = 64 * 1024;
/** What is shown of it. */
const SHOWN_LENGTH_MAX = 1_000;

export interface Health {
  readonly isWell: boolean;
  /** One line for whoever asked. */
  readonly text: string;
}

export async function askHealth(probe: HealthProbe): Promise<Health> {
  const place = probe.socketPath === "" ? probe.url : `${probe.socketPath} ${probe.url}`;
  try {
    const { status, body } = await get(probe);
    const isWell = status === 200 && isHealthy(body);
    const answer = body.trim().replaceAll(/\s+/g, " ").slice(0, SHOWN_LENGTH_MAX);
    return {
      isWell,
      text: `${place} is ${isWell ? "healthy" : "unhealthy"}: ${status} ${answer}`.trim(),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { isWell: false, text: `${place} is unhealthy: ${reason.replaceAll(/\s+/g, " ")}` };
  }
}

/** `{"health":"true","reason":""}` */
function isHealthy(body: string): boolean {
  try {
    const answer: unknown = JSON.parse(body);
    return typeof answer === "object" && answer !== null && "health" in answer &&
      String(answer.health) === "true";
  } catch {
    return false;
  }
}

async function get(probe: HealthProbe): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const options = {
    ...(probe.socketPath === "" ? {} : { socketPath: probe.socketPath }),
    agent: false as const,
    headers: { connection: "close" },
  };
  const request = probe.url.startsWith("https:")
    ? requestHttps(probe.url, { ...options, ...tlsOptions(probe) })
    : requestHttp(probe.url, options);
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
      if (body.length > ANSWER_LENGTH_MAX) reject(new Error("the answer is too long"));
    });
    response.on("error", reject);
    response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
  });
  request.end();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    request.destroy();
  }
}

function tlsOptions({ cacert, cert, key }: HealthProbe) {
  return {
    rejectUnauthorized: cacert !== "",
    // None rather than left out: to look for the system's takes a permission.
    ca: cacert === "" ? [] : readFileSync(cacert),
    ...(cert === "" ? {} : { cert: readFileSync(cert) }),
    ...(key === "" ? {} : { key: readFileSync(key) }),
  };
}
