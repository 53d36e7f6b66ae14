/** What an observer is told of calls, on both ways. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { CallObserver } from "./calls.ts";
import { partsLength } from "./framing.ts";
import { EchoClient, frame, RawClient, startEchoServer } from "./testing/echo_server.ts";

function recording(seen: string[]): CallObserver {
  return (path) => {
    const method = path.slice(path.lastIndexOf("/") + 1);
    return {
      started: () => void seen.push(`${method} started`),
      received: (bytes) => void seen.push(`${method} received ${bytes}`),
      sent: (bytes) => void seen.push(`${method} sent ${bytes}`),
      finished(code, durationMs, { requestMessage, responseMessage }) {
        assert.ok(durationMs >= 0);
        const request = requestMessage?.byteLength ?? "none";
        const response = responseMessage === undefined ? "none" : partsLength(responseMessage);
        seen.push(`${method} finished ${code}: ${request}, ${response}`);
      },
    };
  };
}

for (const hotPath of [true, false]) {
  const way = hotPath ? "direct" : "grpc-js";

  Deno.test(`messages are observed with their sizes (${way})`, async () => {
    const seen: string[] = [];
    await using server = await startEchoServer({ grpc: { hotPath, observe: recording(seen) } });
    using client = new EchoClient(server.address);
    await client.unary("Sync", "four");
    await client.unary("Fail", "no");
    assert.deepEqual(seen.splice(0), [
      "Sync started",
      "Sync received 4",
      "Sync sent 4",
      "Sync finished 0: 4, 4",
      "Fail started",
      "Fail received 2",
      "Fail finished 5: 2, none",
    ]);
    await client.serverStream("Repeat", "xy");
    assert.deepEqual(seen.slice(0, 2), ["Repeat started", "Repeat received 2"]);
    assert.ok(seen.filter((event) => event === "Repeat sent 2").length > 1, `${seen}`);
    assert.equal(seen.at(-1), "Repeat finished 0: none, none");
  });

  Deno.test(`a call whose client has gone is observed once (${way})`, async () => {
    const seen: string[] = [];
    await using server = await startEchoServer({ grpc: { hotPath, observe: recording(seen) } });
    await using raw = new RawClient(server.address);
    const call = raw.call("Wait", frame(Buffer.from("x")));
    const { aborted } = await server.nextWaiting();
    raw.session.destroy();
    await aborted;
    await call;
    assert.deepEqual(seen, ["Wait started", "Wait received 1", "Wait finished 1: 1, none"]);
  });
}
