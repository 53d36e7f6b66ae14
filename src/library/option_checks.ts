/** Whether options are what they are said to be: a program in JavaScript has no compiler that looks. */

import { CONTRACT_VERSION } from "../../backends/contract.ts";
import { isBuiltIn } from "../../backends/registry.ts";
import { DEFAULT_CONFIG, DURATION_MS_MAX, FEATURE_GATES, METRICS_DETAILS } from "../config.ts";
import { nearest } from "../nearest.ts";

/** Words that others use → ours: the Rust Rhino's, etcd's, Node's, and what a log is told elsewhere. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  dsn: "endpoint",
  backend: "backends",
  addr: "listenClientUrls",
  address: "listenClientUrls",
  host: "listenClientUrls",
  listen: "listenClientUrls",
  listenAddress: "listenClientUrls",
  port: "listenClientUrls",
  logFormat: "log",
  logLevel: "log",
  logOutputs: "log",
  logRotation: "log",
  logger: "log",
};

/** @throws {TypeError} that names what is no option, and the option that was probably meant */
export function checkNames(options: unknown, names: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`Invalid config: the options are ${kindOf(options)}: expected an object`);
  }
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const meant = OTHER_WORDS[name] ?? nearest(camelCase(name), names) ??
      names.find((one) => one.startsWith(camelCase(name)));
    const hint = meant === undefined ? "" : `: did you mean "${meant}"?`;
    throw new TypeError(`Invalid config: there is no option "${name}"${hint}`);
  }
}

/** `compact_interval`, as Rust has it, and `--compact-interval`, as the flags are. */
function camelCase(name: string): string {
  return name.replace(/^-+/, "").replaceAll(/[_-]([a-z])/g, (_, letter) => letter.toUpperCase());
}

type Check = (name: string, value: unknown) => void;

const URLS: Check = (name, value) => {
  if (typeof value !== "string") expectTexts(name, value, "a string or an array of strings");
};

/** Options whose default does not say of what type they are, or not all of it. */
const CHECKS: Readonly<Record<string, Check>> = {
  listenClientUrls: URLS,
  listenClientHttpUrls: URLS,
  listenMetricsUrls: URLS,
  backends: checkBackends,
  featureGates: checkFeatureGates,
  autoCompaction: checkAutoCompaction,
  metrics: oneOf(METRICS_DETAILS),
  tlsMinVersion: oneOf(["TLS1.2", "TLS1.3"]),
  tlsMaxVersion: oneOf(["", "TLS1.2", "TLS1.3"]),
  closeGraceMs: (name, value) => expectWhole(name, value, { min: 0, max: DURATION_MS_MAX }),
};

/**
 * @param defaults a value of the right type for each option
 * @throws {TypeError} for a value of another type
 * @throws {RangeError} for one of the right type that cannot be; what has bounds in numbers is for `makeConfig` to check
 */
export function checkTypes(options: object, defaults: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    const check = CHECKS[name];
    if (check !== undefined) check(name, value);
    else if (Array.isArray(defaults[name])) expectTexts(name, value, "an array of strings");
    else if (typeof value !== typeof defaults[name]) {
      throw wrongType(name, value, article(typeof defaults[name]));
    }
  }
  checkElection(options);
}

/** etcd refuses it too: with less, a member's heartbeats would come too late to keep it elected. */
function checkElection(
  { electionTimeoutMs, heartbeatIntervalMs }: {
    readonly electionTimeoutMs?: number;
    readonly heartbeatIntervalMs?: number;
  },
): void {
  const heartbeatMs = heartbeatIntervalMs ?? DEFAULT_CONFIG.heartbeatIntervalMs;
  const electionMs = electionTimeoutMs ?? DEFAULT_CONFIG.electionTimeoutMs;
  if (5 * heartbeatMs <= electionMs) return;
  throw new RangeError(
    `Invalid config: electionTimeoutMs is ${electionMs}: expected at least five times heartbeatIntervalMs, ` +
      `which is ${heartbeatMs}`,
  );
}

function checkBackends(name: string, value: unknown): void {
  for (const [scheme, backend] of Object.entries(expectObject(name, value))) {
    const entry = `${name}.${scheme}`;
    if (!/^[a-z][a-z0-9+.-]+$/.test(scheme)) {
      throw new RangeError(
        `Invalid config: ${name} has "${scheme}": expected the scheme of a URL, such as redis`,
      );
    }
    if (isBuiltIn(scheme)) {
      throw new RangeError(
        `Invalid config: ${entry}: Rhino serves ${scheme}: itself; choose another scheme`,
      );
    }
    if (typeof backend === "string" && backend !== "") continue;
    checkModule(entry, backend);
  }
}

function checkModule(entry: string, module: unknown): void {
  const isObject = typeof module === "object" && module !== null;
  if (!isObject || !("open" in module) || typeof module.open !== "function") {
    throw new TypeError(
      `Invalid config: ${entry} is ${
        kindOf(module)
      }: expected a URL, or a module that exports open()`,
    );
  }
  const version = "contractVersion" in module ? module.contractVersion : undefined;
  if (version !== CONTRACT_VERSION) {
    throw new RangeError(
      `Invalid config: ${entry} was written for version ${version} of the contract: expected ${CONTRACT_VERSION}`,
    );
  }
}

function checkFeatureGates(name: string, value: unknown): void {
  const known = Object.keys(FEATURE_GATES);
  for (const [gate, isOn] of Object.entries(expectObject(name, value))) {
    if (!known.includes(gate)) {
      const meant = nearest(gate, known);
      const hint = meant === undefined ? "" : `: did you mean "${meant}"?`;
      throw new TypeError(`Invalid config: there is no option "${name}.${gate}"${hint}`);
    }
    if (typeof isOn !== "boolean") throw wrongType(`${name}.${gate}`, isOn, "a boolean");
  }
}

function checkAutoCompaction(name: string, value: unknown): void {
  if (value === null) return;
  const { mode, ...rest } = expectObject(name, value) as Record<string, unknown>;
  oneOf(["off", "periodic", "revision"])(`${name}.mode`, mode);
  const amount = mode === "periodic" ? "periodMs" : "revisions";
  if (mode === "off") return;
  const max = Number.MAX_SAFE_INTEGER;
  expectWhole(`${name}.${amount}`, rest[amount], { min: 1, max });
}

function oneOf(choices: readonly string[]): Check {
  return (name, value) => {
    if (typeof value === "string" && choices.includes(value)) return;
    const list = choices.map((choice) => `"${choice}"`).join(", ");
    if (typeof value !== "string") throw wrongType(name, value, `one of ${list}`);
    throw new RangeError(`Invalid config: ${name} is "${value}": expected one of ${list}`);
  };
}

function expectObject(name: string, value: unknown): object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw wrongType(name, value, "an object");
}

function expectTexts(name: string, value: unknown, expected: string): void {
  if (!Array.isArray(value)) throw wrongType(name, value, expected);
  const wrong = value.find((one) => typeof one !== "string");
  if (wrong !== undefined || value.includes(undefined)) {
    throw new TypeError(
      `Invalid config: ${name} has ${kindOf(wrong)} among its values: expected ${expected}`,
    );
  }
}

function expectWhole(name: string, value: unknown, bounds: { min: number; max: number }): void {
  if (typeof value !== "number") throw wrongType(name, value, "a number");
  if (Number.isSafeInteger(value) && value >= bounds.min && value <= bounds.max) return;
  throw new RangeError(
    `Invalid config: ${name} is ${value}: expected a whole number from ${bounds.min} to ${bounds.max}`,
  );
}

/** Tells the type and never the value, which may be a secret in the wrong place. */
function wrongType(name: string, value: unknown, expected: string): TypeError {
  return new TypeError(`Invalid config: ${name} is ${kindOf(value)}: expected ${expected}`);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  return Array.isArray(value) ? "an array" : article(typeof value);
}

function article(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}
