/** What Deno says when it refuses something, as a line for the operator. */

const REFUSED = /Requires (\w+) access(?: to (?:"([^"]*)"|(\S+?)))?, run again with the --allow-/;

/** `undefined` if the text is not about a refusal. */
export function deniedBy(text: string): string | undefined {
  if (/Failed writing lockfile|lockfile is out of date/.test(text)) {
    return "the packages that it imports cannot be noted: start Deno with --lock=FILE, a copy of deno.lock that " +
      "Rhino may write";
  }
  const match = REFUSED.exec(text);
  if (match === null) return undefined;
  const [, kind = "", quoted, bare] = match;
  const what = quoted ?? bare;
  const asked = what === undefined ? `${kind} access` : `${kind} access to "${what}"`;
  if (kind === "import") {
    return `it imports from "${what}", which no backend may: only npm: packages and node:`;
  }
  const remedy = kind === "net"
    ? `; --backend-allow-net=${what ?? "HOST:PORT"} would allow it`
    : "";
  return `it asked for ${asked}, which the sandbox refuses${remedy}`;
}
