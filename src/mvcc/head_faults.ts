/** What no head of a store can be: then the store is damaged, and whoever read at such a revision might wait for ever. */

import { BackendError, type Head, REVISION_MAX } from "../../backends/contract.ts";

/** Each fault of the head, in a few words; none of a whole store. */
export function headFaults(head: Head): string[] {
  const { index, revision, compactRevision, recordsIndex, leasesIndex } = head;
  const faults: string[] = [];
  if (revision < 1 || revision > REVISION_MAX) faults.push(`the head's revision is ${revision}`);
  if (compactRevision > revision || compactRevision < -1) {
    faults.push(`the compact revision is ${compactRevision}, the revision ${revision}`);
  }
  if (Math.max(recordsIndex, leasesIndex) > index) {
    faults.push(`the head's indexes are ${index}, ${recordsIndex} and ${leasesIndex}`);
  }
  return faults;
}

/** @throws {BackendError} `unusable` if the head is none that a store can have */
export function refuseImpossible(head: Head): void {
  const faults = headFaults(head);
  if (faults.length === 0) return;
  throw new BackendError(
    "unusable",
    `Cannot serve the store: it is damaged, for ${faults.join(", and ")}; restore it from a backup`,
  );
}
