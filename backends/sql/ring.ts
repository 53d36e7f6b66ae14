/**
 * The last batches by their index, in a table that never grows: a ring of slots, each written over again. It answers what
 * became of a batch, and whether a head that was seen before belongs to the history that is there now.
 */

import { FIRST_HEAD, type Head, type Outcome } from "../contract.ts";

/** Some minutes of busy writing: far longer than a server waits before it asks. */
export const BATCH_SLOTS = 4_096;

/** A place in the history: what is asked for, and what a slot holds. */
export type BatchPlace = Pick<Head, "index" | "batchId">;

export function slotOf(index: number): number {
  return index % BATCH_SLOTS;
}

export interface RingQuestion {
  /** Where the store stands. */
  readonly headIndex: number;
  /** What the slot of `asked` holds; `null` if it was never written. */
  readonly slot: BatchPlace | null;
  readonly asked: BatchPlace;
}

export function outcomeOf({ headIndex, slot, asked }: RingQuestion): Outcome {
  if (headIndex < asked.index || slot === null || slot.index !== asked.index) return "unknown";
  return slot.batchId === asked.batchId ? "applied" : "not-applied";
}

/** Whether the history holds the batch. The empty history is part of every one. */
export function hasBatch({ headIndex, slot, asked }: RingQuestion): boolean {
  if (asked.index === FIRST_HEAD.index) return asked.batchId === FIRST_HEAD.batchId;
  if (headIndex < asked.index || slot === null) return false;
  return slot.index === asked.index && slot.batchId === asked.batchId;
}
