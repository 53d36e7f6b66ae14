/** From a flag's text to its value. Pure; each function throws a `RangeError` that says what was expected. */

import type { Bounds, ListenUrl } from "../config.ts";

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Plain seconds, or Go's notation: `300`, `300s`, `5m`, `1h30m`, `500ms`. Rounded up to whole milliseconds. */
export function parseDurationMs(text: string, bounds: Bounds): number {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : sumOfParts(text);
  if (ms === undefined) throw new RangeError("expected seconds or a duration such as 300s");
  // Up, so that what is not 0 does not become 0, which often means off.
  const rounded = Math.ceil(Number(ms.toFixed(6)));
  if (rounded < bounds.min) throw new RangeError(`expected at least ${formatMs(bounds.min)}`);
  if (rounded > bounds.max) throw new RangeError(`expected at most ${formatMs(bounds.max)}`);
  return rounded;
}

function sumOfParts(text: string): number | undefined {
  const part = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g;
  if (!new RegExp(`^(?:${part.source})+$`).test(text)) return undefined;
  let sumMs = 0;
  for (const [, count, unit = ""] of text.matchAll(part)) {
    sumMs += Number(count) * (MS_PER_UNIT[unit] ?? Number.NaN);
  }
  return sumMs;
}

function formatMs(ms: number): string {
  if (ms < 1_000) return `${ms}ms`;
  return ms < 3_600_000 ? `${Math.floor(ms / 1_000)}s` : `${Math.floor(ms / 3_600_000)}h`;
}

export function parseInteger(text: string, bounds: Bounds): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new RangeError("expected a whole number");
  if (value < bounds.min) throw new RangeError(`expected at least ${bounds.min}`);
  if (value > bounds.max) throw new RangeError(`expected at most ${bounds.max}`);
  return value;
}

/**
 * `http://HOST:PORT`, `https://HOST:PORT`, `unix://PATH`, `unixs://PATH`, separated by commas; without a scheme it is
 * `http`. All after `unix://` is the path, as etcd and kine have it, be there a port in it or not.
 */
export function parseListenUrls(text: string): ListenUrl[] {
  return text.split(",").map((one) => parseListenUrl(one.trim()));
}

function parseListenUrl(text: string): ListenUrl {
  const socket = /^(unixs?):(?:\/\/)?([^\0?#]+)$/i.exec(text);
  if (socket !== null) {
    return {
      scheme: socket[1]?.toLowerCase() === "unixs" ? "unixs" : "unix",
      host: socket[2] ?? "",
      port: 0,
    };
  }
  const match = /^(?:(https?|tcp):\/\/)?(.*?)\/?$/i.exec(text);
  const scheme = match?.[1]?.toLowerCase() === "https" ? "https" : "http";
  return { scheme, ...parseListenAddress(match?.[2] ?? text) };
}

/** `host:port`, `[IPv6]:port`, or `:port` for all interfaces. */
function parseListenAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^\s:/[\]@]*)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new RangeError("expected HOST:PORT such as 127.0.0.1:2379");
  }
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
}

/** Comma-separated URLs of scheme, host and port alone, as etcd wants them. */
export function parseClientUrls(text: string): string[] {
  const urls = text.split(",").map((url) => url.trim()).filter((url) => url !== "");
  for (const url of urls) {
    if (
      !/^(?:https?:\/\/(?:\[[0-9a-f:.%]+\]|[^\s:/?#@[\]]+):\d{1,5}|unixs?:(?:\/\/)?[^\s?#@]+)$/i
        .test(url)
    ) {
      throw new RangeError("expected URLs such as http://10.0.0.1:2379, separated by commas");
    }
  }
  return urls;
}

export function parseChoice<Choice extends string>(
  text: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find((one) => one === text);
  if (choice === undefined) throw new RangeError(`expected one of ${choices.join(", ")}`);
  return choice;
}

/** What Go takes for a boolean. */
export function parseTruth(text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw new RangeError("expected one of true, false");
}

/** Texts separated by commas; spaces around them do not count. */
export function parseList(text: string): string[] {
  return text.split(",").map((one) => one.trim()).filter((one) => one !== "");
}

export function parseText(text: string): string {
  if (text.trim() === "") throw new RangeError("expected some text");
  return text;
}
