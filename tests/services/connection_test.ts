import assert from "node:assert/strict";
import { connect } from "node:net";
import { serviceTest } from "../support/service_case.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const GOAWAY_HEADER = [0, 0, 8, 7, 0, 0, 0, 0, 0];
const NO_ERROR = 0;
const PROTOCOL_ERROR = 1;

/** A connection that waits longer for the server to close it closes itself. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Connects, waits for the server's settings, says goodbye and waits for the end. */
function connectAndLeave(address: string, errorCode: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const [host, port] = address.split(":");
  const socket = connect(Number(port), host);
  const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
  socket.write(new Uint8Array([...new TextEncoder().encode(PREFACE), ...SETTINGS]));
  socket.once("data", () => {
    socket.write(new Uint8Array([...GOAWAY_HEADER, 0, 0, 0, 0, 0, 0, 0, errorCode]));
  });
  socket.on("error", reject);
  socket.on("close", () => {
    clearTimeout(timer);
    resolve();
  });
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
    await kv.put({ key: "a", value: "1" });
    assert.equal((await kv.range({ key: "a" })).count, 1n);
    assert.equal(endpoint.running, true);
  },
);
