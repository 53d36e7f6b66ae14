/** Whether a stored message is what the engine would have written, and says what stands beside it. */
import type { LogRow } from "../../backends/contract.ts";
import { messageOf } from "../errors.ts";
import { isSame } from "../migration/row_sum.ts";
import { encodeKv, parseKv, type Version } from "../mvcc/stored_kv.ts";

export type Checked = { readonly version: Version } | { readonly fault: string };

/** Any bytes at all; what comes out as a version has every field in its place. */
export function checkMessage(kv: Uint8Array): Checked {
  let version: Version;
  try {
    version = parseKv(kv);
    // The same again, field by field: whatever is in the wrong place or cut short shows.
    if (!isSame(encodeKv(version).kv, kv)) return { fault: "its message is damaged" };
  } catch (error) {
    return { fault: `its message cannot be decoded (${messageOf(error)})` };
  }
  return { version };
}

/** Of a version that lives; `null` if nothing is wrong. */
export function liveFault(version: Version): string | null {
  const { createRevision, modRevision, version: number, key } = version;
  if (key.length === 0) return "it has no key";
  if (createRevision < 1 || createRevision > modRevision) {
    return `it was created at revision ${createRevision} and changed at ${modRevision}`;
  }
  if (number < 1) return `its version is ${number}`;
  if ((number === 1) !== (createRevision === modRevision)) {
    return `version ${number} does not fit revisions ${createRevision} and ${modRevision}`;
  }
  return null;
}

export function checkRow(row: LogRow): Checked {
  const checked = checkMessage(row.kv);
  if ("fault" in checked) return checked;
  const { version } = checked;
  const fault = columnFault(row, version) ??
    (row.tombstone ? tombstoneFault(version) : liveFault(version));
  return fault === null ? checked : { fault };
}

function columnFault(row: LogRow, version: Version): string | null {
  if (!isSame(row.key, version.key)) return "its message is of another key";
  if (row.revision !== version.modRevision) {
    return `its message is of revision ${version.modRevision}`;
  }
  if (row.lease !== version.lease) {
    return `its message has lease ${version.lease}, not ${row.lease}`;
  }
  if (row.metaSize !== version.metaSize) return "its message's value begins elsewhere";
  return null;
}

function tombstoneFault({ createRevision, version, lease, kv, metaSize }: Version): string | null {
  const isBare = createRevision === 0 && version === 0 && lease === 0n && kv.length === metaSize;
  return isBare ? null : "it is marked as deleted, and its message is not";
}
