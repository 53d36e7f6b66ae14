/** In a file of its own: the threads in loops use up processors as long as the process that tests them lives. */

import assert from "node:assert/strict";
import { BackendError } from "../../backends/contract.ts";
import { OPEN_OPTIONS } from "../../backends/conformance/subject.ts";
import { openBackend } from "../../backends/registry.ts";
import { eventually, pause } from "../support/polling.ts";
import { keepBatches } from "./kept_batches.ts";

Deno.test("sandbox: a backend that ends in loops which nothing stops is not opened for ever", async () => {
  await using place = keepBatches();
  const lines: string[] = [];
  const backend = await openBackend({ endpoint: place.endpoint, backends: [place.backend] }, {
    ...OPEN_OPTIONS,
    log: (level, message) => void lines.push(`${level} ${message}`),
  });
  place.fault = "head:spins";
  const givenUp = "error the backend kept broke its contract: head did not answer within 10 s; " +
    "it is in an endless loop once more: restart Rhino";
  await eventually("the line", async () => {
    await backend.head().catch((error) => assert.ok(error instanceof BackendError, String(error)));
    return lines.includes(givenUp);
  }, { timeoutMs: 120_000 });
  assert.equal(place.opened, 3);
  place.fault = "";
  await pause(3_000);
  await assert.rejects(backend.head(), BackendError);
  assert.equal(place.opened, 3);
  await backend.close();
});
