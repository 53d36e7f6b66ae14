/** Compares rights that are given with those that are needed, both as flags of `deno run`. */

const KINDS_OF_PATHS = new Set(["read", "write"]);

/** What of the needed flag is not given: values such as `read=/a`. */
export function coveredBy(given: readonly string[], needed: string): string[] {
  const [, kind = "", list = ""] = /^--allow-(\w+)=(.+)$/.exec(needed) ?? [];
  // A refusal needs nothing, and what can be imported is no right to anything of the machine.
  if (kind === "" || kind === "import" || given.includes(`--allow-${kind}`)) return [];
  const prefix = `--allow-${kind}=`;
  const values = given.filter((flag) => flag.startsWith(prefix)).flatMap((flag) =>
    flag.slice(prefix.length).split(",")
  );
  const isGiven = (value: string) =>
    values.some((one) =>
      one === value || (KINDS_OF_PATHS.has(kind) && value.startsWith(`${one}/`))
    );
  return list.split(",").filter((value) => !isGiven(value)).map((value) => `${kind}=${value}`);
}
