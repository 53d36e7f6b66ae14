import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { type Role, RoleSchema, UserSchema } from "../../gen/authpb/auth_pb.ts";
import { contains, isEmpty, keyRange } from "../mvcc/key_range.ts";
import { key } from "../mvcc/testing/ops.ts";
import { covers, PERMISSION, permissionsOf } from "./permissions.ts";

type Grant = readonly [type: number, start: string, end: string];

function permissions(grants: readonly Grant[], ofRoles: readonly string[] = ["r"]) {
  const keyPermission = grants.map(([permType, start, end]) => ({
    permType,
    key: key(start),
    rangeEnd: key(end),
  }));
  const role: Role = create(RoleSchema, { name: key("r"), keyPermission });
  const user = create(UserSchema, { name: key("u"), roles: [...ofRoles] });
  return permissionsOf(user, new Map([["r", role]]));
}

function mayRead(grants: readonly Grant[], start: string, end = ""): boolean {
  return covers(permissions(grants).read, keyRange(key(start), key(end)));
}

const { READ, WRITE, READWRITE } = PERMISSION;

Deno.test("covers() takes intervals that touch as one", () => {
  const grants: Grant[] = [[READ, "c", "e"], [READ, "a", "c"], [READ, "x", ""], [READ, "x\0", "z"]];
  assert.ok(mayRead(grants, "a", "e"));
  assert.ok(mayRead(grants, "x", "z"));
  assert.ok(!mayRead(grants, "a", "f"));
  assert.ok(!mayRead(grants, "d", "y"));
  assert.ok(!mayRead([], "a"));
});

Deno.test("covers() asks of a range without keys where it begins, as etcd does", () => {
  const grants: Grant[] = [[READ, "c", "e"]];
  assert.ok(mayRead(grants, "d", "a"));
  assert.ok(!mayRead(grants, "e", "a"));
});

Deno.test("permissionsOf() keeps reading and writing apart, and grants nothing for a role that is not there", () => {
  const { read, write } = permissions([[READ, "r", ""], [WRITE, "w", ""], [READWRITE, "x", ""]]);
  assert.deepEqual([read.length, write.length], [2, 2]);
  assert.deepEqual(permissions([[READWRITE, "a", ""]], ["gone"]), { read: [], write: [] });
  assert.deepEqual(permissions([[7, "a", ""]]), { read: [], write: [] });
});

const KEYS = ["a", "a\0", "b", "b\0", "c", "d"];

Deno.test("covers() holds of a range if each of its keys is granted", () => {
  const name = fc.constantFrom(...KEYS);
  const grant = fc.tuple(fc.constant(READ), name, fc.constantFrom("", "\0", ...KEYS));
  // What no grant can be: one that ends before it begins.
  const grants = fc.array(grant, { maxLength: 6 }).map((list) =>
    list.filter(([, start, end]) => !isEmpty(keyRange(key(start), key(end))))
  );
  fc.assert(fc.property(grants, name, fc.constantFrom("", ...KEYS), (granted, start, end) => {
    const range = keyRange(key(start), key(end));
    fc.pre(!isEmpty(range));
    // Keys between those named are as the one before them.
    const inside = [...KEYS, "a\0\0", "b\0\0", "c\0"].map(key).filter((one) =>
      contains(range, one)
    );
    const expected = inside.every((one) =>
      granted.some(([, from, to]) => contains(keyRange(key(from), key(to)), one))
    );
    assert.equal(mayRead(granted, start, end), expected);
  }));
});
