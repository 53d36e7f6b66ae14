/** Named records. */

import assert from "node:assert/strict";
import { append, bytes, type Fact, type Subject } from "./subject.ts";

/** In the order of their UTF-8 bytes, which is not that of UTF-16: the last but one begins with a surrogate pair. */
const NAMES = [
  "",
  "auth/",
  "auth/a\0b",
  "auth/a b",
  "auth/a%",
  "auth/a_",
  "auth/ü",
  "auti",
  "\uffee",
  "\u{1f98f}",
];

export const recordFacts: readonly Fact[] = [
  {
    name: "records() gives those whose name begins with the prefix, by name",
    see: "Backend.records",
    async check(subject) {
      const records = NAMES.toReversed().map((name) => ({
        name,
        value: bytes(`value of ${name}`),
      }));
      await append(subject, { records });
      assert.deepEqual(await names(subject, ""), NAMES);
      assert.deepEqual(await names(subject, "auth/"), NAMES.slice(1, 7));
      assert.deepEqual(await names(subject, "auth/a_"), ["auth/a_"]);
      assert.deepEqual(await names(subject, "none"), []);
      const found = (await subject.backend.records("auti")).records[0];
      assert.deepEqual(found?.[1], bytes("value of auti"));
    },
  },
  {
    name: "a record is replaced whole, removed, and may be empty or large",
    see: "RecordChange.value",
    async check(subject) {
      const large = new Uint8Array(300_000).fill(7);
      await append(subject, {
        records: [
          { name: "a", value: bytes("one") },
          { name: "b", value: new Uint8Array() },
          { name: "c", value: large },
        ],
      });
      await append(subject, {
        records: [{ name: "a", value: bytes("2") }, { name: "none", value: null }],
      });
      const query = { keys: [], leases: [], records: ["a", "b", "c"], revision: 0 };
      const loaded = await subject.backend.load(query);
      assert.deepEqual(loaded.records, [bytes("2"), new Uint8Array(), large]);
      await append(subject, { records: [{ name: "a", value: null }] });
      assert.deepEqual(await names(subject, ""), ["b", "c"]);
      assert.deepEqual((await (await subject.reopen()).load(query)).records[0], null);
    },
  },
];

async function names({ backend }: Subject, prefix: string): Promise<string[]> {
  return (await backend.records(prefix)).records.map(([name]) => name);
}
