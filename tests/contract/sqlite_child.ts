/** A server's store in a process of its own, to be killed: appends without end and prints each index that is safe. */

import { openBackend } from "../../backends/registry.ts";
import { batchAt, bytes, OPEN_OPTIONS, putRow } from "../../backends/conformance/subject.ts";

const [path] = Deno.args;
if (path === undefined) throw new Error("which file?");
const backend = await openBackend({ endpoint: path }, OPEN_OPTIONS);
let head = await backend.head();
// Ends when the parent kills it.
for (;;) {
  const rows = [putRow(bytes(`key ${head.index % 10}`), { revision: head.revision + 1 })];
  const batch = batchAt(head, { rows });
  await backend.append(batch);
  head = batch.head;
  Deno.stdout.writeSync(bytes(`${head.index}\n`));
}
