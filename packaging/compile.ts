/**
 * Makes one executable of Rhino and its backends: dist/rhino. More of `deno compile`'s flags may follow, such as
 * `--target=aarch64-unknown-linux-gnu` or `--output=PATH`; of repeated ones the last counts.
 *
 * Deno downloads the runtime for the executable once; DENORT_BIN names one that is there already.
 */

import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Workers, to which no import leads. */
function workers(): string[] {
  return ["src", "backends"].flatMap((top) =>
    foldersIn(`${ROOT}${top}`).flatMap((folder) =>
      [...Deno.readDirSync(`${ROOT}${top}/${folder}`)]
        .filter(({ name }) => name.endsWith("worker.ts"))
        .map(({ name }) => `${top}/${folder}/${name}`)
    )
  );
}

/**
 * Folders of packages that are no code of theirs. Deno 2.9.6 reads every file of a package as a program, and numbers, a
 * hundred thousand of them, are one that overflows its stack.
 */
const NO_CODE = [{ name: "bintrees", folder: "test" }];

interface DenoInfo {
  readonly npmCache: string;
}

/** Where the folders are, for each registry and version that is in Deno's cache. */
async function excluded(): Promise<string[]> {
  const { npmCache } = JSON.parse(await output(["info", "--json"])) as DenoInfo;
  const paths: string[] = [];
  for (const registry of Deno.readDirSync(npmCache)) {
    for (const { name, folder } of NO_CODE) {
      const versions = `${npmCache}/${registry.name}/${name}`;
      for (const version of foldersIn(versions)) paths.push(`${versions}/${version}/${folder}`);
    }
  }
  return paths;
}

function foldersIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].filter((one) => one.isDirectory).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function output(args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
  return new TextDecoder().decode(stdout);
}

// Before the cache is looked into, all of it has to be there.
await output(["cache", "--quiet", "--frozen", "src/main.ts", ...workers()]);
const args = [
  "compile",
  `--config=${ROOT}deno.json`,
  "--frozen",
  "--no-check",
  "--permission-set=serve",
  "--no-prompt",
  "--v8-flags=--min-semi-space-size=4,--max-semi-space-size=8",
  "--exclude-unused-npm",
  ...workers().map((path) => `--include=${path}`),
  ...(await excluded()).map((path) => `--exclude=${path}`),
  "--output=dist/rhino",
  ...Deno.args,
  "src/main.ts",
];
const { code } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).spawn().status;
Deno.exit(code);
