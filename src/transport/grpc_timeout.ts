/** The `grpc-timeout` header: at most eight digits and a unit. */

/** Milliseconds in each unit. */
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** What a timer can wait at most; a longer deadline is as good as none, the connection does not live that long. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** The timeout in whole milliseconds, rounded up so that no call ends early; `undefined` if the header is malformed. */
export function parseGrpcTimeout(header: string): number | undefined {
  const digits = header.length - 1;
  if (digits < 1 || digits > 8) return undefined;
  const unitMs = UNIT_MS[header.charAt(digits)];
  if (unitMs === undefined) return undefined;
  let amount = 0;
  for (let i = 0; i < digits; i++) {
    const digit = header.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    amount = amount * 10 + digit;
  }
  return Math.ceil(amount * unitMs);
}
