/** Python with the clients that `requirements.txt` pins. */

import { fileURLToPath } from "node:url";
import { pythonEnvironment } from "../../support/python_environment.ts";

const REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));

let environment: Promise<string> | undefined;

/**
 * The folder with the environment's executables, made first if it is not there yet.
 *
 * @throws {Error} if Python is missing, or a package cannot be had
 */
export function pythonBin(): Promise<string> {
  environment ??= pythonEnvironment({ name: "clients", requirements: REQUIREMENTS });
  return environment;
}
