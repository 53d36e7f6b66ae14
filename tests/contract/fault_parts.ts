/** What the tests of databases that fail share. */

import type { Backend } from "../../backends/contract.ts";
import { eventually as poll } from "../support/polling.ts";
import { batchAt, bytes, putRow } from "../../backends/conformance/subject.ts";

/** Far more than a database takes to come back. */
const PATIENCE_MS = 20_000;

/** Appends one row at the present head. */
export async function put(backend: Backend, key: string): Promise<void> {
  const head = await backend.head();
  const rows = [putRow(bytes(key), { revision: head.revision + 1 })];
  await backend.append(batchAt(head, { rows }));
}

export function eventually(check: () => Promise<boolean>): Promise<void> {
  return poll("waited too long", check, { timeoutMs: PATIENCE_MS });
}
