/**
 * Copies Rhino's modules into a folder, so that a program anywhere can import them by their URL alone.
 *
 *     deno task importable FOLDER
 *
 * In the repository packages go by short names, which deno.json maps to exact versions. A program that imports a module
 * by URL has another deno.json, so in the copy each import names its package and version itself.
 */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import project from "../deno.json" with { type: "json" };
import { print, printError } from "../src/commands/terminal.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** What is copied, besides these single files. */
const FOLDERS = ["src", "backends", "gen"];
const FILES = ["deno.json", "LICENSE"];

/** Not for those who import Rhino. */
const IS_FOR_TESTS = /_test\.ts$|_bench\.ts$|\/testing\/|\/fake_/;

/** Longer names first, so that the package of a subpath is not found too early. */
const PACKAGES = Object.entries(project.imports)
  .filter(([name]) => !name.endsWith("/"))
  .sort(([a], [b]) => b.length - a.length);

/**
 * The text of a module with its packages named in full: `npm:pg@8.23.1` for `pg`.
 *
 * @throws {Error} for a package that deno.json does not have
 */
export function withPackagesInFull(text: string, path: string): string {
  const specifier =
    /^((?:import|export|\})(?:[^"\n]*\sfrom)?\s+"|(?!\s*(?:\*|\/\/)).*\bimport\(")([^"]+)"/gm;
  return text.replaceAll(specifier, (whole, before: string, name: string) => {
    if (/^(\.|node:|npm:)/.test(name)) return whole;
    const found = PACKAGES.find(([known]) => name === known || name.startsWith(`${known}/`));
    if (found === undefined) throw new Error(`Cannot copy ${path}: deno.json has no "${name}"`);
    const [known, target] = found;
    return `${before}${target}${name.slice(known.length)}"`;
  });
}

/** Writes the copy; the folder is made if it is missing. Answers how many modules there are. */
export async function writeImportable(folder: string): Promise<number> {
  const modules = FOLDERS.flatMap(modulesIn).filter((path) => !IS_FOR_TESTS.test(path));
  for (const path of modules) {
    const text = await Deno.readTextFile(join(ROOT, path));
    await Deno.mkdir(join(folder, dirname(path)), { recursive: true });
    await Deno.writeTextFile(join(folder, path), withPackagesInFull(text, path));
  }
  for (const path of FILES) await Deno.copyFile(join(ROOT, path), join(folder, path));
  return modules.length;
}

function modulesIn(folder: string): string[] {
  return [...Deno.readDirSync(join(ROOT, folder))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return modulesIn(path);
    return name.endsWith(".ts") ? [path] : [];
  });
}

if (import.meta.main) {
  const [folder, ...rest] = Deno.args;
  if (folder === undefined || rest.length > 0) {
    printError("Cannot copy: expected one folder, as in: deno task importable FOLDER\n");
    Deno.exit(2);
  }
  const count = await writeImportable(folder);
  print(`${count} modules in ${folder}; the door is src/mod.ts\n`);
}
