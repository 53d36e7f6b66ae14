/** All facts, in the order in which they are tried: those that others stand on come first. */

import { appendFacts } from "./append_facts.ts";
import { historyFacts } from "./history_facts.ts";
import { leaseFacts } from "./lease_facts.ts";
import { lifeFacts } from "./life_facts.ts";
import { rangeFacts } from "./range_facts.ts";
import { recordFacts } from "./record_facts.ts";
import { sharingFacts } from "./sharing_facts.ts";
import type { Fact } from "./subject.ts";
import { trimFacts } from "./trim_facts.ts";

export const FACTS: readonly Fact[] = [
  ...appendFacts,
  ...rangeFacts,
  ...historyFacts,
  ...trimFacts,
  ...leaseFacts,
  ...recordFacts,
  ...lifeFacts,
  ...sharingFacts,
];
