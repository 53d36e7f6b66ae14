import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { der, derOid, DerReader, derTime, oidText, TAG, timeMs } from "./der.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

Deno.test("der() writes lengths in their shortest form, and DerReader reads them", () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const bytes = der(TAG.OCTET_STRING, new Uint8Array(length));
    const reader = new DerReader(bytes);
    assert.equal(reader.expect(TAG.OCTET_STRING).byteLength, length);
    assert.equal(reader.isAtEnd, true);
  }
  assert.deepEqual(
    Buffer.from(der(TAG.OCTET_STRING, new Uint8Array(200))).subarray(0, 3),
    hex("04 81 c8"),
  );
});

Deno.test("DerReader refuses what is cut off, or of a form that does not occur", () => {
  for (
    const text of ["", "30", "3003 0101", "30 80 00 00", "30 85 01 00 00 00 00", "1f 81 01 00"]
  ) {
    assert.throws(() => new DerReader(hex(text)).read(), /malformed DER/, text);
  }
  assert.throws(() => new DerReader(hex("0201 05")).expect(TAG.SEQUENCE), /malformed DER/);
});

Deno.test("object identifiers are written and read", () => {
  for (const oid of ["2.5.4.3", "1.2.840.10045.4.3.4", "1.3.6.1.5.5.7.3.1"]) {
    assert.equal(oidText(new DerReader(derOid(oid)).expect(TAG.OID)), oid);
  }
});

Deno.test("times are written and read in the form that their year asks for", () => {
  for (
    const [iso, tag] of [["2026-11-25T22:01:02Z", TAG.UTC_TIME], [
      "2050-01-01T00:00:00Z",
      TAG.GENERALIZED_TIME,
    ]] as const
  ) {
    const value = new DerReader(derTime(Date.parse(iso))).read();
    assert.equal(value.tag, tag);
    assert.equal(timeMs(value), Date.parse(iso));
  }
  const before2000 = { tag: TAG.UTC_TIME, content: Buffer.from("991231235959Z") };
  assert.equal(timeMs(before2000), Date.parse("1999-12-31T23:59:59Z"));
  assert.ok(Number.isNaN(timeMs({ tag: TAG.UTC_TIME, content: Buffer.from("tomorrow") })));
});
