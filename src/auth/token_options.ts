/** etcd's `--auth-token`: a kind of token, and for some kinds options, such as `jwt,sign-method=RS256,ttl=5m`. */

export interface TokenOptions {
  readonly kind: string;
  readonly options: ReadonlyMap<string, string>;
}

/** @throws {RangeError} if an option has no value or stands twice */
export function parseTokenOptions(text: string): TokenOptions {
  const [kind = "", ...pairs] = text.split(",");
  const options = new Map<string, string>();
  for (const pair of pairs) {
    const [name = "", value, ...rest] = pair.split("=");
    if (value === undefined || rest.length > 0) {
      throw new RangeError(`Invalid --auth-token: "${pair}" is no option: expected NAME=VALUE`);
    }
    if (options.has(name)) throw new RangeError(`Invalid --auth-token: ${name} is given twice`);
    options.set(name, value);
  }
  return { kind, options };
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  "μs": 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration as Go writes it, `1h30m`; undefined if it is none. It may be negative: such tokens never hold. */
export function parseGoDurationMs(text: string): number | undefined {
  const [, sign, size = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (size === "0") return 0;
  const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
  if (!new RegExp(`^(?:${part.source})+$`).test(size)) return undefined;
  let sumMs = 0;
  for (const [, count, unit = ""] of size.matchAll(part)) {
    sumMs += Number(count) * (MS_PER_UNIT[unit] ?? Number.NaN);
  }
  return sign === "-" ? -sumMs : sumMs;
}
