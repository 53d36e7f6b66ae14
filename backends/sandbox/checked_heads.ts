/** What is promised of the heads of several answers: an exclusive store never goes back, and one place has one head. */

import type { Head } from "../contract.ts";
import { BrokenPromise } from "./checked_shapes.ts";

export class CheckedHeads {
  #newest: Head | null = null;

  /** Where the store stood when a call begins: its answer may not be older. */
  get floor(): number {
    return this.#newest?.index ?? 0;
  }

  /**
   * Takes note of a head.
   *
   * @param floor of when its call began, for answers overtake each other
   * @param isExclusive whether nobody else writes: only then is a head that goes back a broken promise, for a database
   * that several servers share may be taken over by one that lost its newest commits (`HistoryPage.hasSince`)
   */
  note(head: Head, { floor, isExclusive }: { floor: number; isExclusive: boolean }): void {
    const newest = this.#newest;
    if (isExclusive && head.index < floor) {
      throw new BrokenPromise(`the head went back from index ${floor} to ${head.index}`);
    }
    if (newest !== null && head.index === newest.index && head.batchId === newest.batchId) {
      if (isSame(head, newest)) return;
      throw new BrokenPromise(`the head at index ${head.index} is told in two ways`);
    }
    if (newest === null || head.index > newest.index || !isExclusive) this.#newest = head;
  }
}

function isSame(a: Head, b: Head): boolean {
  return a.revision === b.revision && a.compactRevision === b.compactRevision &&
    a.recordsIndex === b.recordsIndex && a.leasesIndex === b.leasesIndex;
}
