/** The Dockerfile as text: what a linter finds, and what has to agree with the rest of the repository. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../cli/rhino_process.ts";
import { runCommand } from "../support/databases/client_command.ts";
import { pythonEnvironment, whyNoPython } from "../support/python_environment.ts";
import { readText, ROOT } from "../tidy/source_tree.ts";
import { readDockerfile } from "./dockerfile.ts";
import { workerModules } from "./worker_modules.ts";

const REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));
const WHY_NOT = await whyNoPython();

Deno.test({
  name: `Dockerfile: hadolint finds nothing${WHY_NOT ? ` (ignored: ${WHY_NOT})` : ""}`,
  ignore: WHY_NOT !== undefined,
  async fn() {
    const bin = await pythonEnvironment({ name: "packaging", requirements: REQUIREMENTS });
    await using folder = await temporaryFolder();
    // It does find something where there is something.
    await Deno.writeTextFile(`${folder.path}/Dockerfile`, "FROM debian\nRUN cd /tmp && sudo ls\n");
    const lint = (path: string) => runCommand(`${bin}/hadolint`, { args: ["--no-color", path] });
    await assert.rejects(lint(`${folder.path}/Dockerfile`), /DL3006.*DL3004/s);
    assert.equal(await lint(`${ROOT}Dockerfile`), "");
  },
});

Deno.test("Dockerfile: is of the Deno that .ci/run uses, and caches Workers, as the guide does", () => {
  const stages = readDockerfile(readText("Dockerfile"));
  const [, version = ""] = /^readonly DENO_VERSION=(\S+)$/m.exec(readText(".ci/run")) ?? [];
  for (const { image } of stages) assert.ok(image.endsWith(version), image);
  const modules = "deno cache --frozen src/main.ts src/*/*worker.ts backends/*/*worker.ts";
  for (const path of ["Dockerfile", "docs/deploying.md"]) {
    assert.ok(readText(path).includes(modules), path);
  }
  assert.ok(workerModules().length >= 2);
});

Deno.test("Dockerfile: server and health check have the same rights to read, and only the server writes", () => {
  const steps = readDockerfile(readText("Dockerfile")).at(-1)?.steps ?? [];
  const rightsOf = (keyword: string) =>
    steps.find((step) => step.keyword === keyword)?.words.filter((word) =>
      /^--(allow|permission|no-prompt|frozen|cached-only|config)/.test(word)
    ) ?? [];
  const [server, health] = [rightsOf("ENTRYPOINT"), rightsOf("HEALTHCHECK")];
  assert.ok(server.length > 0);
  assert.deepEqual([...health, "--allow-write=/data"], server);
});
