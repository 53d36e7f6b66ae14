/** All that this backend takes from Rhino: the contract, and the kit for authors of backends. */

export * from "@rhino/rhino/contract";
export { leaseNowMs } from "../../backends/lease_clock.ts";
export { type AdaptivePoll, createAdaptivePoll } from "../../backends/sql/adaptive_poll.ts";
export { type BatchPlace, hasBatch, outcomeOf, slotOf } from "../../backends/sql/ring.ts";
