/**
 * What a backend need not write again. Nothing here is needed to keep the contract, and all of it is used by Rhino's own
 * backends or by the template (`examples/backend-template`).
 *
 * - Order: `compareKeys`, `successor`, `compareNames`.
 * - Leases: `leaseNowMs`, `timeAfterAppend`, the clock that stands still while no server could renew.
 * - Trimming: `beginTrim`, `isTrimmed`, `isSuperfluous`, `endTrim`, which rows of the log go, step by step.
 * - Lost answers: `slotOf`, `outcomeOf`, `hasBatch`, a ring of the last batch ids.
 * - Other servers: `createWakes`, `changes` for a store that tells of its changes; `createAdaptivePoll`, for one that does
 *   not; `pause`, which ends with a signal.
 */

export { compareKeys, compareNames, successor } from "./keys.ts";
export { type LeaseClock, leaseNowMs, type LeaseTime, timeAfterAppend } from "./lease_clock.ts";
export { type AdaptivePoll, createAdaptivePoll, pause } from "./sql/adaptive_poll.ts";
export {
  BATCH_SLOTS,
  type BatchPlace,
  hasBatch,
  outcomeOf,
  type RingQuestion,
  slotOf,
} from "./sql/ring.ts";
export {
  beginTrim,
  endTrim,
  FIRST_TRIM,
  isSuperfluous,
  isTrimmed,
  type LogPlace,
  type TrimEnd,
  type TrimProgress,
  type TrimStep,
} from "./trimming.ts";
export { createWakes, type Wakes } from "./wakes.ts";
