import assert from "node:assert/strict";
import { connect } from "node:net";
import { serviceTest } from "../support/service_case.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const GOAWAY_HEADER = [0, 0, 8, 7, 0, 0, 0, 0, 0];
const NO_ERROR = 0;
const PROTOCOL_ERROR = 1;

/** A ping after the goodbye; its answer, if the server still gives one, shows that it was read. */
const PING = [0, 0, 8, 6, 0, 0, 0, 0, 0, ...new TextEncoder().encode("goodbye!")];

/** Connects, waits for the server's settings, says goodbye and leaves when that has been read. */
function connectAndLeave(address: string, errorCode: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const [host, port] = address.split(":");
  const socket = connect(Number(port), host);
  socket.write(new Uint8Array([...new TextEncoder().encode(PREFACE), ...SETTINGS]));
  socket.once("data", () => {
    const goaway = [...GOAWAY_HEADER, 0, 0, 0, 0, 0, 0, 0, errorCode];
    socket.write(new Uint8Array([...goaway, ...PING]));
  });
  socket.on("data", (received) => {
    if (received.includes("goodbye!")) socket.destroy();
  });
  // A server that resets the connection has read it as well, or is gone, which the test finds out.
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  return promise;
}

serviceTest(
  "Connections: clients may say goodbye before they close",
  { fresh: true },
  async (t) => {
    const { client: { kv }, endpoint } = t;
    // What clients in Go send when they are closed. Once in a few is enough to bring down a server
    // that frees the connection too early.
    for (let round = 0; round < 300; round++) {
      await connectAndLeave(endpoint.address, round % 5 === 4 ? PROTOCOL_ERROR : NO_ERROR);
    }
    assert.ok(endpoint.running, endpoint.output);
    await kv.put({ key: "a", value: "1" });
    assert.equal((await kv.range({ key: "a" })).count, 1n);
  },
);
