/**
 * Makes one file of the backend, as Rhino wants a module that it checks by a hash: what it imports besides is named with its
 * version. Prints the file's path and its hash, ready for `--backend`.
 *
 *     deno task example:redis rhino-redis.js
 */

import project from "../../deno.json" with { type: "json" };

const CLIENT = "@redis/client";

/**
 * Writes the bundle.
 *
 * @returns `sha256-` and the digest of its bytes in hex
 * @throws {Error} with what `deno bundle` says, if it fails
 */
export async function bundle(path: string): Promise<string> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      `--config=${new URL("../../deno.json", import.meta.url).pathname}`,
      `--external=${CLIENT}`,
      `--output=${path}`,
      new URL("mod.ts", import.meta.url).href,
    ],
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) {
    throw new Error(`Cannot bundle the backend: ${new TextDecoder().decode(stderr).trim()}`);
  }
  const text = await Deno.readTextFile(path);
  const bytes = new TextEncoder().encode(
    text.replaceAll(`from "${CLIENT}"`, `from "${project.imports[CLIENT]}"`),
  );
  await Deno.writeFile(path, bytes);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256-${digest.toHex()}`;
}

if (import.meta.main) {
  const [path = "rhino-redis.js"] = Deno.args;
  // deno-lint-ignore no-console -- It is what this program is run for.
  console.log(`${path}#${await bundle(path)}`);
}
