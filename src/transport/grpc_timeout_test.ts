import assert from "node:assert/strict";
import { parseGrpcTimeout } from "./grpc_timeout.ts";

Deno.test("parseGrpcTimeout() reads every unit, rounding up", () => {
  const cases: [string, number][] = [
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3_000],
    ["100m", 100],
    ["1500u", 2],
    ["1n", 1],
    ["0n", 0],
    ["99999999H", 99_999_999 * 3_600_000],
  ];
  for (const [header, ms] of cases) assert.equal(parseGrpcTimeout(header), ms, header);
});

Deno.test("parseGrpcTimeout() refuses what is malformed", () => {
  for (const header of ["", "1", "S", "123456789S", "1s", "1x", "-1S", "1.5S", " 1S", "1 S"]) {
    assert.equal(parseGrpcTimeout(header), undefined, header);
  }
});
