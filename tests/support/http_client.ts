/** HTTP for tests: whole answers by `fetch`, and bytes as they are for what `fetch` would not send. */

import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** How long a test waits for what must come. */
const WAIT_MS = 20_000;

export async function httpRequest(
  address: string,
  path: string,
  init: RequestInit = {},
): Promise<HttpAnswer> {
  const url = `http://${address}${path}`;
  const response = await fetch(url, { redirect: "manual", ...init });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Posts to the gateway; an object becomes JSON. */
export function post(
  address: string,
  path: string,
  { body = {}, headers = {} }: {
    readonly body?: unknown;
    readonly headers?: Record<string, string>;
  } = {},
): Promise<HttpAnswer> {
  const text = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  return httpRequest(address, path, {
    method: "POST",
    body: text as BodyInit,
    headers: { "content-type": "application/json", ...headers },
  });
}

/** JSON with what differs from server to server blotted out. */
export function withoutIds(json: string): string {
  return json.replace(/"(cluster_id|member_id|raft_term|revision)":"\d+"/g, '"$1":"N"');
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** A connection on which a test writes what it likes. */
export class RawConnection implements Disposable {
  readonly #socket: Socket;
  readonly closed: Promise<void>;
  #received = "";
  #wake: () => void = () => {};

  constructor(address: string) {
    const [host, port] = address.split(":");
    this.#socket = connect(Number(port), host);
    this.#socket.on("error", () => {});
    this.#socket.on("data", (chunk: Buffer) => {
      this.#received += chunk.toString("latin1");
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      this.#socket.on("close", () => {
        resolve();
        this.#wake();
      });
    });
  }

  get received(): string {
    return this.#received;
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Stops reading, so that what the server sends piles up. */
  pause(): void {
    this.#socket.pause();
  }

  /** Waits until the text has come; throws if the connection ends before. */
  async until(pattern: RegExp): Promise<string> {
    const deadline = performance.now() + WAIT_MS;
    while (!pattern.test(this.#received)) {
      if (this.#socket.destroyed || performance.now() > deadline) {
        throw new Error(`Cannot find ${pattern} in ${JSON.stringify(this.#received)}`);
      }
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, 1_000);
      });
      clearTimeout(timer);
    }
    return this.#received;
  }

  end(): void {
    this.#socket.end();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** A request of HTTP/1.1 as text. */
export function requestText(
  path: string,
  { method = "POST", body = "", headers = "" }: {
    readonly method?: string;
    readonly body?: string;
    /** Lines, each with its end. */
    readonly headers?: string;
  } = {},
): string {
  const length = Buffer.byteLength(body, "latin1");
  return `${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${length}\r\n\r\n${body}`;
}
