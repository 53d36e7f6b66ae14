/** What facts say of themselves. */

import assert from "node:assert/strict";
import { FACTS } from "../../backends/conformance/facts.ts";
import { readText } from "../tidy/source_tree.ts";

const CONTRACT = readText("backends/contract.ts") + readText("backends/rows.ts");

/** Each up to the next one. */
const DECLARATIONS = CONTRACT.split(/^export /m);

Deno.test("facts: each names what of the contract promises it", () => {
  const unknown: string[] = [];
  for (const { name, see } of FACTS) {
    for (const promise of see.replaceAll(/ \([^)]*\)/g, "").split(", ")) {
      const [type = "", member] = promise.split(".");
      const declared = DECLARATIONS.find((text) =>
        new RegExp(`^(?:interface|type|class|const) ${type}\\b`).test(text)
      );
      const isKnown = declared !== undefined &&
        (member === undefined || new RegExp(`^  (?:readonly )?${member}\\b`, "m").test(declared));
      if (!isKnown) unknown.push(`${name}: ${promise}`);
    }
  }
  assert.deepEqual(unknown, []);
});

Deno.test("facts: no two have one name", () => {
  assert.equal(new Set(FACTS.map(({ name }) => name)).size, FACTS.length);
});
