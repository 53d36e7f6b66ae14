// HTTP: requests that do not come in one piece.

import assert from "node:assert/strict";
import { serviceTest } from "../support/service_case.ts";

/** Which of two packets is read first was a matter of luck, and seldom bad. */
const ATTEMPTS = 400;

serviceTest("HTTP: a body that follows its headers at once is read after them", async (t) => {
  const [hostname = "", port = ""] = t.endpoint.address.split(":");
  const body = `{"key":"${btoa(t.key("a"))}"}`;
  const head = `POST /v3/kv/range HTTP/1.1\r\nHost: ${t.endpoint.address}\r\n` +
    `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    using connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay();
    const encoder = new TextEncoder();
    await connection.write(encoder.encode(head));
    await connection.write(encoder.encode(body));
    const answer = await new Response(connection.readable).text().catch(String);
    assert.match(answer, /^HTTP\/1\.1 200 OK/, `attempt ${attempt}`);
  }
});
