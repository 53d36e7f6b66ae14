/** From the values that were given to a config: what follows from several of them, and what contradicts. */

import {
  type AutoCompaction,
  type Config,
  DEFAULT_CONFIG,
  type ListenUrl,
  makeConfig,
} from "../config.ts";
import { redactSecrets } from "../log_text.ts";
import { withDatabaseTls } from "./database_tls.ts";
import { DEFAULT_SETTINGS, type Settings } from "./flags/flag.ts";
import type { Given } from "./given.ts";
import type { IgnoredFlag } from "./ignored.ts";
import { logFiles, parseLogRotation } from "./log_settings.ts";
import { UsageError } from "./usage_error.ts";
import { parseDurationMs, parseInteger, parseListenUrls } from "./values.ts";

export interface ResolvedSettings {
  readonly config: Config;
  /** The folder that etcd would have its data in, if that decided where Rhino's are. */
  readonly etcdFolder: string | undefined;
  /** Flags that were given although they have no effect. */
  readonly ignored: readonly IgnoredFlag[];
}

/** The name of the SQLite file in a data folder. */
const FILE_NAME = "rhino.db";

/**
 * @param given what overrides others comes after them
 * @throws {UsageError} with one line that names the wrong value
 */
export function resolveSettings(given: readonly Given[]): ResolvedSettings {
  const { values, origins } = parseAll(given);
  const settings: Settings = { ...DEFAULT_SETTINGS, ...values };
  checkTogether(settings);
  const { endpoint, etcdFolder } = placeOfData(settings, origins);
  const config = makeConfig({
    ...configPart(settings),
    endpoint: withDatabaseTls(endpoint, settings),
    listenClientUrls: clientUrls(settings, { given: origins.get("listenClientUrls"), etcdFolder }),
    listenMetricsUrls: metricsUrls(settings),
    autoCompaction: autoCompaction(settings, origins.get("autoCompactionRetention")?.origin ?? ""),
    logLevel: settings.debug ? "debug" : settings.logLevel,
    logRotation: logRotation(settings),
  });
  return { config, etcdFolder, ignored: ignoredOf(given) };
}

type Origins = ReadonlyMap<keyof Settings, Given>;

function parseAll(given: readonly Given[]): { values: Partial<Settings>; origins: Origins } {
  const values: Partial<Record<keyof Settings, unknown>> = {};
  const origins = new Map<keyof Settings, Given>();
  for (const one of given) {
    if ("ignored" in one.found) continue;
    const { key } = one.found.flag;
    origins.set(key, one);
  }
  for (const [key, one] of origins) {
    const { found, text } = one;
    if ("ignored" in found) continue;
    // Without a default, empty is as good as not given.
    if (text === "" && found.flag.default === "") origins.delete(key);
    else if (found.flag.isRepeatable) values[key] = repeated(one, given);
    else values[key] = checked(one, found.parse);
  }
  // Each value was parsed by the flag of its key, so the types fit.
  return { values: values as Partial<Settings>, origins };
}

/** All that was said in the same way as the last, in order. */
function repeated(last: Given, given: readonly Given[]): unknown[] {
  return given.flatMap((one): unknown[] => {
    if ("ignored" in one.found || "ignored" in last.found) return [];
    const isSame = one.found.flag === last.found.flag && wayOf(one) === wayOf(last);
    return isSame ? [checked(one, one.found.parse)].flat() : [];
  });
}

function wayOf({ origin }: Given): string {
  return origin.replace(/^-+/, "");
}

function ignoredOf(given: readonly Given[]): IgnoredFlag[] {
  const ignored: IgnoredFlag[] = [];
  for (const one of given) {
    if (!("ignored" in one.found)) continue;
    const flag = one.found.ignored;
    if (one.text !== "") checked(one, flag.check);
    ignored.push(flag);
  }
  return ignored;
}

function checked<Value>({ text, origin }: Given, parse: (text: string) => Value): Value {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`${origin} is "${redactSecrets(text)}": ${error.message}`);
  }
}

/** What etcd refuses as well, in its words where they name the flags. */
function checkTogether(settings: Settings): void {
  const { electionTimeoutMs: election, heartbeatIntervalMs: heartbeat } = settings;
  if (5 * heartbeat > election) {
    throw new UsageError(
      `--election-timeout[${election}ms] should be at least as 5 times as --heartbeat-interval[${heartbeat}ms]`,
    );
  }
  const { tlsMinVersion, tlsMaxVersion, cipherSuites } = settings;
  if (tlsMaxVersion !== "" && tlsMinVersion > tlsMaxVersion) {
    throw new UsageError(
      `min version (${tlsMinVersion}) is greater than max version (${tlsMaxVersion})`,
    );
  }
  if (tlsMinVersion === "TLS1.3" && cipherSuites.length > 0) {
    throw new UsageError("cipher suites cannot be configured when only TLS1.3 is enabled");
  }
}

/** etcd's folder counts only where something was said in etcd's way, and no endpoint. */
function placeOfData(
  { endpoint, dataDir, name }: Settings,
  origins: Origins,
): { endpoint: string; etcdFolder: string | undefined } {
  const isEtcds = origins.has("dataDir") || origins.has("name") || origins.has("configFile");
  if (origins.has("endpoint") || !isEtcds) return { endpoint, etcdFolder: undefined };
  const folder = (dataDir || `${name}.etcd`).replace(/(?<=.)\/+$/, "");
  return { endpoint: `${folder}/${FILE_NAME}`, etcdFolder: folder };
}

function clientUrls(
  { listenClientUrls, certFile, autoTls }: Settings,
  { given, etcdFolder }: { given: Given | undefined; etcdFolder: string | undefined },
): readonly ListenUrl[] {
  if (given === undefined && etcdFolder !== undefined) {
    return [{ scheme: "http", host: "localhost", port: 2379 }];
  }
  if (certFile === "" && !autoTls) return listenClientUrls;
  // Where no scheme was said, the certificate says it.
  const texts = given?.text.split(",") ?? [];
  return listenClientUrls.map((url, at) =>
    url.scheme === "http" && !texts[at]?.includes("://") ? { ...url, scheme: "https" } : url
  );
}

function metricsUrls(settings: Settings): readonly ListenUrl[] {
  const { listenMetricsUrls, metricsBindAddress, certFile, metricsIgnoreTlsConfig } = settings;
  if (metricsBindAddress === "") return listenMetricsUrls;
  const isTls = certFile !== "" && !metricsIgnoreTlsConfig;
  const added = parseListenUrls(metricsBindAddress).map((url): ListenUrl => ({
    ...url,
    scheme: isTls ? "https" : url.scheme,
  }));
  return [...listenMetricsUrls, ...added];
}

const MS_PER_HOUR = 3_600_000;
/** Ten years: each tenth of an hour of it, a revision is remembered. */
const PERIOD_HOURS_MAX = 87_600;

function autoCompaction(
  { autoCompactionMode: mode, autoCompactionRetention: retention }: Settings,
  origin: string,
): AutoCompaction | null {
  if (retention === "") return null;
  try {
    return mode === "periodic" ? periodic(retention) : revisions(retention);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`${origin} is "${retention}": ${error.message}`);
  }
}

/** Plain numbers are hours. */
function periodic(retention: string): AutoCompaction {
  const isHours = /^\d+$/.test(retention);
  const max = PERIOD_HOURS_MAX * MS_PER_HOUR;
  const periodMs = parseDurationMs(isHours ? `${retention}h` : retention, { min: 0, max });
  return periodMs === 0 ? { mode: "off" } : { mode: "periodic", periodMs };
}

function revisions(retention: string): AutoCompaction {
  const count = parseInteger(retention, { min: 0, max: Number.MAX_SAFE_INTEGER });
  return count === 0 ? { mode: "off" } : { mode: "revision", revisions: count };
}

function logRotation(settings: Settings): Config["logRotation"] {
  const { enableLogRotation, logRotationConfigJson: json, logOutputs } = settings;
  if (!enableLogRotation) return null;
  if (logFiles(logOutputs).length !== 1) {
    throw new UsageError("--enable-log-rotation needs exactly one file in --log-outputs");
  }
  try {
    return parseLogRotation(json);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`--log-rotation-config-json is ${json}: ${error.message}`);
  }
}

/** Only what a config has. */
function configPart(settings: Settings): Partial<Config> {
  const known = Object.entries(settings).filter(([key]) => Object.hasOwn(DEFAULT_CONFIG, key));
  // The keys are the config's, and the values were typed as its own.
  return Object.fromEntries(known) as Partial<Config>;
}
