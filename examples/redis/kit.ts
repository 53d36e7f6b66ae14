/** All that this backend takes from Rhino: the contract, and the kit for authors of backends. */

export * from "@rhino/rhino/contract";
export {
  type AdaptivePoll,
  type BatchPlace,
  createAdaptivePoll,
  createWakes,
  hasBatch,
  leaseNowMs,
  outcomeOf,
  pause,
  slotOf,
} from "@rhino/rhino/kit";
