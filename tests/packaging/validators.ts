/** Reads deployment files by the libraries of those who run them; validators/ is the program that does. */

import { buildProgram, hasGo } from "../../bench/go_build.ts";
import { runCommand } from "../support/databases/client_command.ts";
import { ROOT } from "../tidy/source_tree.ts";

/** Why nothing can be validated here, or undefined if it can; in CI it always has to. */
export async function whyNoValidators(): Promise<string | undefined> {
  return Deno.env.get("CI") === "true" || await hasGo() ? undefined : "needs Go";
}

/** A service of a compose file, as far as it matters here. */
export interface ComposeService {
  readonly image: string;
  readonly command: readonly string[] | null;
  readonly environment: Readonly<Record<string, string>> | null;
  readonly ports?: readonly { readonly target: number; readonly published: string }[];
  readonly secrets?: readonly { readonly source: string; readonly target: string }[];
  readonly read_only?: boolean;
}

export interface ComposeProject {
  readonly services: Readonly<Record<string, ComposeService>>;
}

/**
 * The project of a compose file, with services of all profiles.
 *
 * @param path from the root, or absolute
 * @throws {Error} that says what is wrong with the file
 */
export async function readCompose(path: string): Promise<ComposeProject> {
  return JSON.parse(await validate("compose", path));
}

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

export interface Container {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

/** An object of a manifest, as far as it matters here. */
export interface KubernetesObject {
  readonly kind: string;
  readonly spec: {
    readonly replicas?: number;
    readonly template?: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly Container[] };
    };
  };
}

/**
 * The objects of a manifest.
 *
 * @param path from the root, or absolute
 * @throws {Error} that says what is wrong with the file
 */
export async function readManifests(path: string): Promise<readonly KubernetesObject[]> {
  return JSON.parse(await validate("kubernetes", path));
}

async function validate(kind: "compose" | "kubernetes", path: string): Promise<string> {
  const validators = await buildProgram({
    module: "../tests/packaging/validators",
    packageName: ".",
    executable: "packaging-validators",
    needsC: false,
  });
  return await runCommand(validators, { args: [kind, path], cwd: ROOT });
}
