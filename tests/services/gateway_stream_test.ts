// Streams by the JSON gateway: several messages in a body, an answer a line, by HTTP/1.1 and by WebSocket.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { base64, post, RawConnection, requestText, withoutIds } from "../support/http_client.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";

const HEADER = '"header":{"cluster_id":"N","member_id":"N","revision":"N","raft_term":"N"}';

/** The lines of JSON that have come. */
function linesOf(received: string): string[] {
  return received.split("\n").filter((line) => line.startsWith("{")).map(withoutIds);
}

/** A request whose body goes on. */
class OpenRequest extends RawConnection {
  constructor(address: string, path: string) {
    super(address);
    this.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
  }

  send(message: string): void {
    const length = Buffer.byteLength(message).toString(16);
    this.write(`${length}\r\n${message}\r\n`);
  }
}

function watchOf(t: ServiceTestContext, name: string, more: object = {}): string {
  return JSON.stringify({ create_request: { key: base64(t.key(name)), ...more } });
}

serviceTest("Gateway: a watch tells of puts and deletes, a line each", async (t) => {
  using watch = new RawConnection(t.endpoint.address);
  watch.write(requestText("/v3/watch", { body: watchOf(t, "a", { prev_kv: true }) }));
  const begun = await watch.until(/"created":true\}\}\n/);
  assert.match(begun, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(begun, /\r\ncontent-type: application\/json\r\n/i);
  assert.match(begun, /\r\ngrpc-metadata-content-type: application\/grpc\r\n/i);
  assert.match(begun, /\r\ntransfer-encoding: chunked\r\n/i);
  await t.client.kv.put({ key: t.key("a"), value: "1" });
  await watch.until(/"value":"MQ=="/);
  await t.client.kv.deleteRange({ key: t.key("a") });
  await watch.until(/"type":"DELETE"/);
  const [created, put, deleted] = linesOf(watch.received);
  assert.equal(created, `{"result":{${HEADER},"created":true}}`);
  const key = base64(t.key("a"));
  const numbers = (json: string | undefined) => json?.replace(/"\d+"/g, '"0"');
  assert.equal(
    numbers(put),
    `{"result":{${HEADER},"events":[{"kv":{"key":"${key}","create_revision":"0","mod_revision":"0","version":"0","value":"MQ=="}}]}}`,
  );
  assert.equal(
    numbers(deleted),
    `{"result":{${HEADER},"events":[{"type":"DELETE","kv":{"key":"${key}","mod_revision":"0"},"prev_kv":{"key":"${key}","create_revision":"0","mod_revision":"0","version":"0","value":"MQ=="}}]}}`,
  );
});

serviceTest("Gateway: one body makes several watches, asks for progress and cancels", async (t) => {
  const messages = [
    watchOf(t, "b"),
    watchOf(t, "c", { watch_id: "7" }),
    '{"progress_request":{}}',
    '{"cancel_request":{"watch_id":7}}',
  ];
  for (const separator of ["", " ", "\n"]) {
    using watch = new RawConnection(t.endpoint.address);
    watch.write(requestText("/v3/watch", { body: messages.join(separator) }));
    await watch.until(/"watch_id":"7","canceled":true/);
    const created = linesOf(watch.received).filter((line) => line.includes('"created":true'));
    assert.equal(created.length, 2);
    await watch.until(/"watch_id":"-1"/);
  }
});

serviceTest("Gateway: a body may go on while answers come", {
  skips: { etcd: "Go's server of HTTP/1.1 reads the whole body before it answers" },
}, async (t) => {
  using watch = new OpenRequest(t.endpoint.address, "/v3/watch");
  const first = watchOf(t, "d");
  watch.send(first.slice(0, 9));
  watch.send(first.slice(9));
  await watch.until(/"created":true/);
  watch.send(watchOf(t, "e", { watch_id: 5 }));
  await watch.until(/"watch_id":"5","created":true/);
  await t.client.kv.put({ key: t.key("e"), value: "2" });
  await watch.until(/"watch_id":"5","events"/);
  watch.send('{"cancel_request":{"watch_id":5}}');
  await watch.until(/"watch_id":"5","canceled":true/);
});

serviceTest(
  "Gateway: a body that makes no sense any more ends the requests, not the watch",
  async (t) => {
    using watch = new RawConnection(t.endpoint.address);
    watch.write(requestText("/v3/watch", { body: `${watchOf(t, "f")}{"create_request":1}` }));
    await watch.until(/"created":true/);
    await t.client.kv.put({ key: t.key("f"), value: "3" });
    await watch.until(/"value":"Mw=="/);
  },
);

serviceTest(
  "Gateway: a watch of what is compacted says so and is over",
  { fresh: true },
  async (t) => {
    for (const value of ["1", "2", "3"]) await t.client.kv.put({ key: t.key("g"), value });
    await t.client.kv.compact({ revision: 3n });
    using watch = new RawConnection(t.endpoint.address);
    watch.write(requestText("/v3/watch", { body: watchOf(t, "g", { start_revision: "2" }) }));
    await watch.until(/"canceled":true,"compact_revision":"3"/);
  },
);

serviceTest("Gateway: leases are kept alive, an answer for each message", async (t) => {
  const { address } = t.endpoint;
  const granted = await post(address, "/v3/lease/grant", { body: { TTL: 60 } });
  const { ID: id } = JSON.parse(granted.text);
  const alive = await post(address, "/v3/lease/keepalive", { body: `{"ID":${id}}{"ID":"1"}` });
  assert.equal(alive.status, 200);
  assert.deepEqual(linesOf(alive.text), [
    `{"result":{${HEADER},"ID":"${id}","TTL":"60"}}`,
    `{"result":{${HEADER},"ID":"1"}}`,
  ]);
  const none = await post(address, "/v3/lease/keepalive", { body: "" });
  assert.deepEqual([none.status, none.text, none.headers.get("content-type")], [200, "", null]);
});

/** How a deadline is told: in one text, or on etcd in that of the call's other side, whichever is told first. */
function deadlineLine(received: string, { target }: ServiceTestContext): string {
  const reset = "stream terminated by RST_STREAM with error code: CANCEL";
  const message = target === "etcd" && received.includes(reset)
    ? reset
    : "context deadline exceeded";
  return `{"error":{"code":4,"message":"${message}"}}`;
}

serviceTest("Gateway: a stream that fails before it answers has a status of HTTP", async (t) => {
  const headers = { "Grpc-Timeout": "100m" };
  const { status, text } = await post(t.endpoint.address, "/v3/watch", { headers });
  assert.deepEqual([status, text], [504, `${deadlineLine(text, t)}\n`]);
});

serviceTest("Gateway: a stream that fails later ends with the error", async (t) => {
  const headers = { "Grpc-Timeout": "500m" };
  const { status, text } = await post(t.endpoint.address, "/v3/watch", {
    body: watchOf(t, "h"),
    headers,
  });
  assert.equal(status, 200);
  assert.equal(linesOf(text).at(-1), deadlineLine(text, t));
});

const UPGRADE = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "",
].join("\r\n");

serviceTest("Gateway: a WebSocket has a message for each line", async (t) => {
  const socket = new WebSocket(`ws://${t.endpoint.address}/v3/watch`);
  const messages: string[] = [];
  let wake: () => void = () => {};
  socket.onmessage = ({ data }) => {
    messages.push(data);
    wake();
  };
  const next = async (index: number) => {
    while (messages[index] === undefined) await new Promise<void>((resolve) => wake = resolve);
    return withoutIds(messages[index]);
  };
  await new Promise((resolve) => socket.onopen = resolve);
  socket.send(watchOf(t, "w"));
  assert.equal(await next(0), `{"result":{${HEADER},"created":true}}`);
  // More than one frame's head can say in two bytes, both ways.
  await post(t.endpoint.address, "/v3/kv/put", {
    body: { key: base64(t.key("w")), value: base64("x".repeat(100_000)) },
  });
  assert.match(await next(1), /"events":\[\{"kv":/);
  socket.send(`${" ".repeat(70_000)}${watchOf(t, "v", { watch_id: "9" })}`);
  assert.match(await next(2), /"watch_id":"9","created":true/);
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
});

serviceTest("Gateway: a WebSocket that is asked for wrongly is refused", async (t) => {
  const answer = async (headers: string, method = "GET") => {
    using connection = new RawConnection(t.endpoint.address);
    connection.write(requestText("/v3/watch", { method, headers }));
    return await connection.until(/\r\n\r\n/);
  };
  const bad = [
    UPGRADE.replace("Version: 13", "Version: 12"),
    UPGRADE.replace(/Sec-WebSocket-Key.*\r\n/, ""),
    UPGRADE.replace("dGhl", ""),
  ];
  for (const headers of bad) {
    const text = await answer(headers);
    assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(text, /\r\nsec-websocket-version: 13\r\n/i);
  }
  assert.match(await answer(UPGRADE, "POST"), /^HTTP\/1\.1 405 Method Not Allowed\r\n/);
  const accepted = await answer(UPGRADE);
  assert.match(accepted, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  assert.match(accepted, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
});
