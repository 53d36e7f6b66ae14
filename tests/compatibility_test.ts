/** docs/compatibility.md speaks of every call and of every field, and the tests that it names are there. */

import assert from "node:assert/strict";
import type { DescService } from "@bufbuild/protobuf";
import { Auth } from "../gen/etcdserverpb/auth_pb.ts";
import { Cluster } from "../gen/etcdserverpb/cluster_pb.ts";
import { KV } from "../gen/etcdserverpb/kv_pb.ts";
import { Lease } from "../gen/etcdserverpb/lease_pb.ts";
import { Maintenance } from "../gen/etcdserverpb/maintenance_pb.ts";
import { Watch } from "../gen/etcdserverpb/watch_pb.ts";
import { Election } from "../gen/v3electionpb/election_pb.ts";
import { Lock } from "../gen/v3lockpb/lock_pb.ts";
import { allFiles, readText } from "./tidy/source_tree.ts";

const TEXT = readText("docs/compatibility.md");

/** Which heading speaks of which services. */
const SECTIONS: Readonly<Record<string, readonly DescService[]>> = {
  KV: [KV],
  Watch: [Watch],
  Lease: [Lease],
  Cluster: [Cluster],
  Maintenance: [Maintenance],
  Auth: [Auth],
  "Lock and Election": [Lock, Election],
};

function section(heading: string): string {
  return TEXT.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
}

/** The three cells of each row of the document's tables. */
function rowsOf(text: string): string[][] {
  return text.split("\n")
    .filter((line) => /^\| (?!---)/.test(line))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
}

Deno.test("compatibility: every call of every service has a row, and so has each field", () => {
  const missing: string[] = [];
  for (const [heading, services] of Object.entries(SECTIONS)) {
    const text = section(heading);
    const subjects = rowsOf(text).map(([subject = ""]) => subject).join("\n");
    for (const { name, input, output } of services.flatMap(({ methods }) => methods)) {
      if (!new RegExp(`\\b${name}\\b`).test(subjects)) missing.push(`${heading}: ${name}`);
      for (const field of [...input.fields, ...output.fields]) {
        if (field.name === "header" || subjects.includes(`\`${field.name}\``)) continue;
        missing.push(`${heading}: ${name}: ${field.name}`);
      }
    }
  }
  assert.deepEqual(missing, []);
});

Deno.test("compatibility: every row about a call names a test that is there", () => {
  const files = allFiles();
  const wrong: string[] = [];
  for (const row of Object.keys(SECTIONS).flatMap((heading) => rowsOf(section(heading)))) {
    const [subject = "", , tests = ""] = row;
    if (tests === "test") continue;
    const named = [...tests.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
    if (named.length === 0) wrong.push(`no test: ${subject}`);
    for (const name of named) {
      const path = name.startsWith("tests/") ? name : `tests/services/${name}`;
      if (!files.some((file) => file === path || file.startsWith(`${path}/`))) {
        wrong.push(`${subject}: there is no ${path}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});
