import assert from "node:assert/strict";
import { BackendError } from "../contract.ts";
import { toAppendError, toReadError } from "./errors.ts";

function serverError(code: string): Error {
  return Object.assign(new Error("said the server\nand more"), { code, severity: "ERROR" });
}

Deno.test("toAppendError() tells what was surely not written from what may have been", () => {
  const network = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
  const cases: readonly (readonly [unknown, boolean, string])[] = [
    [serverError("40001"), false, "conflict"],
    [serverError("40P01"), false, "conflict"],
    [serverError("53100"), false, "full"],
    [serverError("25006"), false, "unavailable"],
    [serverError("55P03"), false, "unavailable"],
    [serverError("57P01"), true, "indeterminate"],
    [serverError("53100"), true, "indeterminate"],
    [serverError("40003"), false, "indeterminate"],
    [network, false, "indeterminate"],
    [new Error("Connection terminated unexpectedly"), false, "indeterminate"],
    [new BackendError("conflict", "moved"), false, "conflict"],
  ];
  for (const [error, isCut, kind] of cases) {
    assert.equal(toAppendError({ error, isCut }).kind, kind, String(error));
  }
  assert.equal(toReadError(network).message, "PostgreSQL: connection closed");
  assert.equal(toReadError(serverError("55P03")).message, "PostgreSQL: said the server (55P03)");
});
