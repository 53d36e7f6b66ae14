import assert from "node:assert/strict";
import { dataFolderOf } from "./data_folder.ts";

Deno.test("dataFolderOf() is the folder of the store's file, or of the default one", () => {
  const cases: [string, string][] = [
    ["./db/state.db", "./db"],
    ["state.db", "."],
    ["sqlite:///var/lib/x/state.db?a=b", "/var/lib/x"],
    ["sqlite:x/y", "x"],
    ["postgres://user:password@host/db", "./db"],
    ["memory://", "./db"],
  ];
  for (const [endpoint, expected] of cases) assert.equal(dataFolderOf(endpoint), expected);
});
