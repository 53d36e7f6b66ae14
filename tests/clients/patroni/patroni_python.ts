/** A Python that the user of the database servers can run, with Patroni. */

import type { UserIds } from "../../support/databases/executables.ts";
import { pythonBin } from "../python/python_environment.ts";

export interface PatroniPython {
  readonly command: string;
  /** Where the packages are. */
  readonly packages: string;
}

/** Where the system keeps its own; another one may lie in a folder that only its owner may enter. */
const SYSTEM_PYTHON = "/usr/bin/python3";

/**
 * Finds it, and copies the packages into the folder, as the repository may lie where that user may not look.
 *
 * @throws {Error} if the user can run no Python of the environment's version
 */
export async function patroniPython(
  { dir, user }: { readonly dir: string; readonly user: UserIds | undefined },
): Promise<PatroniPython> {
  const installed = `${await pythonBin()}/python`;
  const facts = "import os, sys, sysconfig; print(os.path.realpath(sys.executable)); " +
    "print(sysconfig.get_path('purelib'))";
  const [executable = "", source = ""] = (await output(installed, { code: facts })).split("\n");
  const packages = `${dir}/python-packages`;
  await copyFolder(source, packages);
  for (const command of [executable, SYSTEM_PYTHON]) {
    try {
      // The packages are built for one version of Python.
      await output(command, { code: "import patroni, psycopg, psutil", user, packages });
      return { command, packages };
    } catch (error) {
      if (command === SYSTEM_PYTHON) throw error;
    }
  }
  throw new Error("Cannot run Patroni: there is no Python");
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else if (isFile) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

async function output(
  command: string,
  { code, user, packages = "" }: {
    readonly code: string;
    readonly user?: UserIds | undefined;
    readonly packages?: string;
  },
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: ["-c", code],
    env: packages === "" ? {} : { PYTHONPATH: packages },
    ...user,
    cwd: "/",
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout).trimEnd();
  throw new Error(`Cannot run ${command} with Patroni's packages:\n${decoder.decode(stderr)}`);
}
