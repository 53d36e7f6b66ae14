/** Numbers as people read them. */

/** With commas between thousands; one digit behind the point where it is small and not whole. */
export function count(value: number): string {
  if (Number.isInteger(value) || value >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(1);
}

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10));
  return `${(value / 2 ** (10 * power)).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [86_400, 3_600, 60].map((unit) => Math.floor(whole / unit));
  if ((days ?? 0) > 0) return `${days} d ${(hours ?? 0) % 24} h`;
  if ((hours ?? 0) > 0) return `${hours} h ${(minutes ?? 0) % 60} min`;
  return (minutes ?? 0) > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
