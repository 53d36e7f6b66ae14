/**
 * Makes gen/, the TypeScript of our messages and services, from the .proto files beside this one.
 *
 *     deno task gen                             brings gen/ up to date
 *     deno run -A proto/generate.ts --check     changes nothing, fails if gen/ is not up to date
 *
 * Both tools come from npm, so Deno is all one needs. They run without the project's lock file:
 * it holds what Rhino runs on, and the versions here are exact.
 */

import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Reads the .proto files and hands them to the plugin. */
const COMPILER = "npm:@bufbuild/buf@1.74.0";

/** Writes the TypeScript. Its version is that of the runtime, `@bufbuild/protobuf`. */
const PLUGIN = "npm:@bufbuild/protoc-gen-es@2.17.0";

const PROTO_DIR = dirname(fileURLToPath(import.meta.url));
const GEN_DIR = join(PROTO_DIR, "..", "gen");

/** A folder's generated files: text by path inside of the folder. */
type Files = Map<string, string>;

function runNpm(specifier: string): string[] {
  return [Deno.execPath(), "run", "--quiet", "--no-config", "--no-lock", "-A", specifier];
}

async function generateInto(dir: string): Promise<void> {
  const template = {
    version: "v2",
    plugins: [{
      local: runNpm(PLUGIN),
      out: dir,
      opt: ["target=ts", "import_extension=ts"],
    }],
  };
  const [command = "", ...args] = runNpm(COMPILER);
  const { success, stderr } = await new Deno.Command(command, {
    args: [...args, "generate", PROTO_DIR, "--template", JSON.stringify(template)],
    stdout: "null",
  }).output();
  if (!success) {
    throw new Error(`Cannot generate from ${PROTO_DIR}: ${new TextDecoder().decode(stderr)}`);
  }
}

/** Generates beside gen/ rather than into it, so that a failure leaves gen/ as it was. */
async function generate(): Promise<Files> {
  const dir = await Deno.makeTempDir();
  try {
    await generateInto(dir);
    return await readFiles(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function readFiles(root: string, dir = root, files: Files = new Map()): Promise<Files> {
  for await (const entry of Deno.readDir(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory) await readFiles(root, path, files);
    else if (entry.name.endsWith("_pb.ts")) {
      files.set(relative(root, path), await Deno.readTextFile(path));
    }
  }
  return files;
}

/** The paths that one side lacks, or has with another text. */
function differences(actual: Files, expected: Files): string[] {
  const paths = new Set([...actual.keys(), ...expected.keys()]);
  return [...paths].filter((path) => actual.get(path) !== expected.get(path)).sort();
}

async function update(path: string, text: string | undefined): Promise<void> {
  const target = join(GEN_DIR, path);
  if (text === undefined) return await Deno.remove(target);
  await Deno.mkdir(dirname(target), { recursive: true });
  await Deno.writeTextFile(target, text);
}

async function main(args: string[]): Promise<number> {
  const check = args[0] === "--check";
  if (args.length > (check ? 1 : 0)) {
    process.stderr.write(`Cannot generate: the one option is --check, got "${args.join(" ")}"\n`);
    return 2;
  }
  await Deno.mkdir(GEN_DIR, { recursive: true });
  const expected = await generate();
  const paths = differences(await readFiles(GEN_DIR), expected);
  if (check) {
    for (const path of paths) process.stderr.write(`not up to date: gen/${path}\n`);
    return paths.length > 0 ? 1 : 0;
  }
  for (const path of paths) {
    await update(path, expected.get(path));
    process.stdout.write(`${expected.has(path) ? "wrote" : "removed"} gen/${path}\n`);
  }
  return 0;
}

if (import.meta.main) process.exit(await main(Deno.args));
