/** etcd's config file: YAML or JSON, with the keys of etcd's `embed.Config`. */

import { findFlag, type NamedFlag } from "./flags.ts";
import { type Dialect, DURATION } from "./flags/flag.ts";
import type { Given } from "./given.ts";
import { UsageError } from "./usage_error.ts";

export interface ConfigFile {
  readonly given: readonly Given[];
  /** Keys that mean nothing; worth a warning. */
  readonly unknown: readonly string[];
}

export type ParseYaml = (text: string) => unknown;

/** The parser, if an argument or a variable names a config file: most servers have none, and it takes 4 MB. */
export async function yamlParserFor(names: readonly string[]): Promise<ParseYaml | undefined> {
  const isNamed = names.some((name) => /config[-_]file/i.test(name));
  return isNamed ? (await import("yaml")).parse : undefined;
}

/** More is no config file. */
const TEXT_LENGTH_MAX = 1024 * 1024;

/** Keys that hold further keys, with what these are to the flags. */
const SECTIONS: Readonly<Record<string, (key: string) => string>> = {
  "client-transport-security": (key) => CLIENT_KEYS[key] ?? key,
  "peer-transport-security": (key) => PEER_KEYS[key] ?? `peer-${key}`,
  "socket-options": (key) => `socket-${key}`,
};

const CLIENT_KEYS: Readonly<Record<string, string>> = {
  "allowed-hostname": "client-cert-allowed-hostname",
};

const PEER_KEYS: Readonly<Record<string, string>> = {
  "allowed-cn": "peer-cert-allowed-cn",
  "allowed-hostname": "peer-cert-allowed-hostname",
  "client-cert-file": "peer-client-cert-file",
  "client-key-file": "peer-client-key-file",
  "skip-client-san-verification": "peer-skip-client-san-verification",
};

/**
 * Every value of the file. Keys of Rhino that etcd does not have are taken too: where else would the endpoint stand?
 *
 * @throws {UsageError} if the text is no YAML, or not a map of values
 */
export function readConfigFile(
  { path, text }: { readonly path: string; readonly text: string },
  parse: ParseYaml,
): ConfigFile {
  const given: Given[] = [];
  const unknown: string[] = [];
  for (const [written, value] of Object.entries(mapOf(parseYaml({ path, text }, parse), path))) {
    if (value === null) continue;
    // Go reads keys in any case.
    const key = written.toLowerCase();
    const nameOf = SECTIONS[key];
    if (nameOf !== undefined) {
      for (const [inner, innerValue] of Object.entries(mapOf(value, `${path}: ${key}`))) {
        take(nameOf(inner.toLowerCase()), { key: `${key}.${inner}`, value: innerValue });
      }
    } else if (key === "discovery-config") {
      take("discovery", { key, value: "given" });
    } else {
      take(key, { key, value });
    }
  }
  return { given, unknown };

  function take(name: string, { key, value }: { key: string; value: unknown }): void {
    if (key === "client-transport-security.allowed-cn" && asText(path, key, value) !== "") {
      // To leave it out would let clients in that shall stay out.
      throw new UsageError(`${path}: ${key} is not supported`);
    }
    const found = findFlag(name, DIALECTS);
    if (found === undefined || name === "config-file") {
      if (value !== null) unknown.push(key);
      return;
    }
    if (isList(found) && Array.isArray(value)) {
      for (const one of value) take(name, { key, value: one });
      return;
    }
    const unit = typeof value === "number" && isCountedInNanoseconds(name, found) ? "ns" : "";
    const text = `${asText(path, key, value)}${unit}`;
    // What YAML 1.1 has for booleans, as etcd reads it.
    const valueText = found.isTruth ? TRUTHS[text.toLowerCase()] ?? text : text;
    // As in etcd, what is empty is as if it were not there.
    if (valueText === "") return;
    // What has no effect is not judged: etcd's own samples have values that its flags refuse.
    const judged = "ignored" in found ? "" : valueText;
    given.push({ found, name, text: judged, origin: `${path}: ${key}` });
  }
}

const TRUTHS: Readonly<Record<string, string>> = {
  yes: "true",
  on: "true",
  no: "false",
  off: "false",
};

const DIALECTS: readonly Dialect[] = ["etcd", "rhino"];

/** etcd's durations; numbers of Rhino's own keys are seconds, as in its flags. */
function isCountedInNanoseconds(name: string, found: NamedFlag): boolean {
  if ("ignored" in found) return found.ignored.isDuration;
  return found.flag.placeholder === DURATION && findFlag(name, ["etcd"]) !== undefined;
}

/** Whether each of a list's values is one of the flag's. */
function isList(found: NamedFlag): boolean {
  return "flag" in found && found.flag.isRepeatable === true;
}

function parseYaml(
  { path, text }: { readonly path: string; readonly text: string },
  parse: ParseYaml,
): unknown {
  if (text.length > TEXT_LENGTH_MAX) throw new UsageError(`${path} is too long for a config file`);
  try {
    return parse(text);
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new UsageError(`${path} is not YAML: ${line.replace(/:$/, "")}`);
  }
}

function mapOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (value === null || value === undefined) return {};
  if (typeof value === "object" && !Array.isArray(value)) return { ...value };
  throw new UsageError(`${what}: expected keys with values`);
}

function asText(path: string, key: string, value: unknown): string {
  if (value === null) return "";
  if (Array.isArray(value)) return value.map((one) => asText(path, key, one)).join(",");
  if (typeof value === "object") throw new UsageError(`${path}: ${key}: expected a value`);
  return String(value);
}
