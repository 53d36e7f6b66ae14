/** etcd's feature gates, as `--feature-gates` sets them. */

import { FEATURE_GATES, type FeatureGate } from "../config.ts";

const BETA: readonly FeatureGate[] = ["FastLeaseKeepAlive", "TxnModeWriteWithSharedBuffer"];
const NAMES = Object.keys(FEATURE_GATES) as FeatureGate[];
const ALPHA = NAMES.filter((name) => !BETA.includes(name));
const STAGES: Readonly<Record<string, readonly FeatureGate[]>> = { AllAlpha: ALPHA, AllBeta: BETA };

/**
 * `NAME=true,NAME=false`. A gate's own value goes before its stage's.
 *
 * @throws {RangeError} in etcd's words
 */
export function parseFeatureGates(text: string): Readonly<Record<FeatureGate, boolean>> {
  const own: Partial<Record<FeatureGate, boolean>> = {};
  const staged: Partial<Record<FeatureGate, boolean>> = {};
  for (const part of text.split(",").map((one) => one.trim()).filter((one) => one !== "")) {
    const [name = "", value] = part.split("=").map((one) => one.trim());
    const stage = Object.hasOwn(STAGES, name) ? STAGES[name] : undefined;
    const gate = NAMES.find((one) => one === name);
    if (value === undefined) throw new RangeError(`missing bool value for ${name}`);
    if (stage === undefined && gate === undefined) {
      throw new RangeError(`unrecognized feature gate: ${name}`);
    }
    const isOn = truthOf(name, value);
    for (const one of stage ?? []) staged[one] = isOn;
    if (gate !== undefined) own[gate] = isOn;
  }
  const gates = { ...FEATURE_GATES, ...staged, ...own };
  if (gates.LeaseCheckpointPersist && !gates.LeaseCheckpoint) {
    throw new RangeError(
      "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint",
    );
  }
  return gates;
}

function truthOf(name: string, value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new RangeError(`invalid value of ${name}=${value}`);
}
