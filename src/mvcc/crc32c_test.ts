import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { crc32c } from "./crc32c.ts";

Deno.test("crc32c() gives the published check values", () => {
  assert.equal(crc32c(new Uint8Array(0)), 0);
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
  // RFC 3720, appendix B.4.
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
});

Deno.test("crc32c() continued over pieces equals that of the whole", () => {
  fc.assert(fc.property(fc.uint8Array(), fc.uint8Array(), (first, second) => {
    assert.equal(crc32c(second, crc32c(first)), crc32c(Buffer.concat([first, second])));
  }));
});
