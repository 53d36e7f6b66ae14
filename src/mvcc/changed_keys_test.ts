import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { ChangedKeys } from "./changed_keys.ts";
import { contains, keyName, type KeyRange } from "./key_range.ts";
import { encodeKv, type Version } from "./stored_kv.ts";

const KEY = fc.constantFrom("a", "a\0", "ab", "b", "c", "\xff", "\xff\xff");

function version(name: string, modRevision: number): Version {
  const key = Buffer.from(name, "latin1");
  const value = new Uint8Array();
  return encodeKv({ key, createRevision: 1, modRevision, version: 1, lease: 0n, value });
}

function sorted(versions: Iterable<Version>): string[] {
  return [...versions].map(({ key, modRevision }) => `${keyName(key)} ${modRevision}`).sort();
}

Deno.test("ChangedKeys.over() lays the changes of an interval over what was loaded", () => {
  const change = fc.record({ name: KEY, gone: fc.boolean(), undone: fc.boolean() });
  fc.assert(fc.property(
    fc.uniqueArray(KEY),
    fc.array(change, { maxLength: 20 }),
    KEY,
    fc.option(KEY),
    (present, changes, from, to) => {
      const range: KeyRange = {
        start: Buffer.from(from, "latin1"),
        end: to === null ? null : Buffer.from(to, "latin1"),
        single: false,
      };
      const all = new Map(present.sort().map((name) => [name, version(name, 2)]));
      const loaded = [...all.values()].filter(({ key }) => contains(range, key));
      const changed = new ChangedKeys();
      const expected = new Map<string, Version>(all);
      for (const [at, { name, gone, undone }] of changes.entries()) {
        const before = changed.get(name);
        const made = gone ? null : version(name, 3 + at);
        changed.set(name, made);
        if (undone) {
          if (before === undefined) changed.delete(name);
          else changed.set(name, before);
        } else if (made === null) expected.delete(name);
        else expected.set(name, made);
      }
      const merged = changed.over(loaded, range);
      const wanted = [...expected.values()].filter(({ key }) => contains(range, key));
      assert.deepEqual(sorted(merged), sorted(wanted));
      const names = merged.map(({ key }) => keyName(key));
      assert.deepEqual(names, [...names].sort((a, b) => a < b ? -1 : 1));
    },
  ));
});
