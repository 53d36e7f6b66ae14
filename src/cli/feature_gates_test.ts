import assert from "node:assert/strict";
import { FEATURE_GATES } from "../config.ts";
import { parseFeatureGates } from "./feature_gates.ts";

Deno.test("parseFeatureGates() sets gates and stages, a gate's own value before its stage's", () => {
  assert.deepEqual(parseFeatureGates(""), FEATURE_GATES);
  const one = parseFeatureGates("StopGRPCServiceOnDefrag=true, FastLeaseKeepAlive=false");
  assert.deepEqual(one, {
    ...FEATURE_GATES,
    StopGRPCServiceOnDefrag: true,
    FastLeaseKeepAlive: false,
  });
  const staged = parseFeatureGates("CompactHashCheck=false,AllAlpha=1,AllBeta=f");
  assert.equal(staged.CompactHashCheck, false);
  assert.equal(staged.PriorityRequest, true);
  assert.equal(staged.TxnModeWriteWithSharedBuffer, false);
});

Deno.test("parseFeatureGates() refuses what etcd refuses", () => {
  const cases: readonly (readonly [text: string, message: string])[] = [
    ["fooBar=true", "unrecognized feature gate: fooBar"],
    ["constructor=true", "unrecognized feature gate: constructor"],
    ["AllAlpha", "missing bool value for AllAlpha"],
    ["AllAlpha=yes", "invalid value of AllAlpha=yes"],
    [
      "LeaseCheckpointPersist=true",
      "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint",
    ],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseFeatureGates(text), { name: "RangeError", message }, text);
  }
});
