/** What to call a query of several statements, for who measures: a few names, whatever values stand in it. */

/** Where the statements of a query that say what it is for begin. Values are hexadecimal digits, and look like none of it. */
const LOOKED_AT = 2_048;
const WORDS = /\b(SELECT|INSERT|UPDATE|DELETE|OPTIMIZE|CREATE)\b|\brhino_([a-z]+)/g;

/** Such as `append`, `select current`, `delete log`: what it does to the first table besides the head. */
export function queryName(text: string): string {
  let verb = "";
  let ofHead = "";
  for (const [, word, table] of text.slice(0, LOOKED_AT).matchAll(WORDS)) {
    if (word !== undefined) {
      verb = word.toLowerCase();
      continue;
    }
    const isHead = table === "head";
    if (isHead && verb === "update") return "append";
    if (!isHead && verb !== "") return `${verb} ${table}`;
    if (ofHead === "") ofHead = `${verb} ${table}`.trim();
  }
  return ofHead === "" ? "session" : ofHead;
}
