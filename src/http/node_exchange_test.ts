import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  connect,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { headerOf } from "./exchange.ts";
import { http2Exchange } from "./node_exchange.ts";

Deno.test("http2Exchange() is the same as one of HTTP/1.1", async () => {
  const server = createServer();
  const seen: unknown[] = [];
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const exchange = http2Exchange(stream, headers);
    seen.push(exchange.method, exchange.target, headerOf(exchange, "x-a"), exchange.isSecure);
    let body = "";
    exchange.body.on("data", (chunk: Buffer) => body += chunk.toString());
    exchange.body.on("end", () => {
      exchange.respond(201, { "X-B": "b" });
      exchange.write(body, () => exchange.end("!"));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = connect(`http://127.0.0.1:${port}`);
  const stream = client.request({ ":method": "POST", ":path": "/p?q", "x-a": "a" });
  let answer = "";
  stream.on("response", (headers) => seen.push(headers[":status"], headers["x-b"]));
  stream.on("data", (chunk: Buffer) => answer += chunk.toString());
  stream.end("body");
  await new Promise((resolve) => stream.on("close", resolve));
  assert.deepEqual(seen, ["POST", "/p?q", "a", false, 201, "b"]);
  assert.equal(answer, "body!");
  await new Promise<void>((resolve) => client.close(() => resolve()));
  await new Promise<void>((resolve) => server.close(() => resolve()));
});
