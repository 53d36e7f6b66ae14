/** Asks a server through its gateway, over whatever it listens on. */

import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

/** Longest wait for an answer. */
const TIMEOUT_MS = 10_000;

export interface Place {
  /** `http://…` or `https://…`, without a path. */
  readonly url: string;
  /** Of a Unix socket. */
  readonly socketPath?: string;
}

export interface Question {
  readonly body?: unknown;
  /** What authentication gave. */
  readonly token?: string;
  /** Ends the reading; default: the answer's end. */
  readonly until?: (text: string) => boolean;
}

/** The text of an answer. @throws {Error} if its status is not 200 */
export async function ask(place: Place, path: string, question: Question = {}): Promise<string> {
  const { body, token, until = () => false } = question;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const isTls = place.url.startsWith("https:");
  const request = (isTls ? requestHttps : requestHttp)(`${place.url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    agent: false,
    ...(place.socketPath === undefined ? {} : { socketPath: place.socketPath }),
    ...(isTls ? { rejectUnauthorized: false } : {}),
    headers: token === undefined ? {} : { authorization: token },
  });
  const timer = setTimeout(() => request.destroy(new Error(`${path}: no answer`)), TIMEOUT_MS);
  request.on("error", reject);
  request.on("response", (response: IncomingMessage) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("error", reject);
    response.on("data", (chunk: string) => {
      text += chunk;
      if (until(text)) resolve(text);
    });
    response.on("end", () => {
      const { statusCode } = response;
      if (statusCode === 200) resolve(text);
      else reject(new Error(`${path}: ${statusCode} ${text}`));
    });
  });
  request.end(body === undefined ? undefined : JSON.stringify(body));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    request.destroy();
  }
}
