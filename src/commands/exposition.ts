/** Reads /metrics, which is Prometheus' text format, as far as Rhino writes it. */

/** Numbers by name and labels. */
export class Exposition {
  readonly #series: ReadonlyMap<string, readonly Series[]>;

  constructor(text: string) {
    const byName = new Map<string, Series[]>();
    for (const line of text.split("\n")) {
      const series = line.startsWith("#") ? undefined : readSeries(line);
      if (series === undefined) continue;
      const known = byName.get(series.name);
      if (known === undefined) byName.set(series.name, [series]);
      else known.push(series);
    }
    this.#series = byName;
  }

  /** The sum of all series of the name that have these labels; `undefined` if there are none. */
  sum(name: string, labels: Labels = {}): number | undefined {
    const found = this.all(name, labels);
    return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
  }

  /** The label's value in the first series of the name. */
  label(name: string, label: string): string | undefined {
    return this.all(name)[0]?.labels[label];
  }

  all(name: string, labels: Labels = {}): readonly Series[] {
    const wanted = Object.entries(labels);
    return (this.#series.get(name) ?? []).filter((series) =>
      wanted.every(([label, value]) => series.labels[label] === value)
    );
  }
}

export type Labels = Readonly<Record<string, string>>;

export interface Series {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

function readSeries(line: string): Series | undefined {
  const [, name, labelText = "", number = ""] = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined) return undefined;
  const labels: Record<string, string> = {};
  for (const [, label = "", value = ""] of labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[label] = value.replace(/\\(.)/g, (_, escaped) => escaped === "n" ? "\n" : escaped);
  }
  return { name, labels, value: number.endsWith("Inf") ? Infinity : Number(number) };
}

/** Of what a histogram counted between two times, the value below which this share lies; `undefined` if it counted nothing. */
export function quantile(
  share: number,
  { before, after, name, labels = {} }: {
    readonly before: Exposition;
    readonly after: Exposition;
    readonly name: string;
    readonly labels?: Labels;
  },
): number | undefined {
  const buckets = bucketsOf(after, { name, labels });
  const earlier = bucketsOf(before, { name, labels });
  const counts = [...buckets].map(([bound, count]) => [bound, count - (earlier.get(bound) ?? 0)]);
  const [, total = 0] = counts.at(-1) ?? [];
  if (total <= 0) return undefined;
  let [low, below] = [0, 0];
  for (const [bound = 0, count = 0] of counts) {
    // Within a bucket they are taken to lie evenly, as Prometheus does.
    if (count >= share * total) {
      if (bound === Infinity) return low;
      return low + (bound - low) * (share * total - below) / Math.max(1, count - below);
    }
    [low, below] = [bound, count];
  }
  return low;
}

/** Upper bound → how many lie at or below it, over all series with these labels. */
function bucketsOf(
  exposition: Exposition,
  { name, labels }: { readonly name: string; readonly labels: Labels },
): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { labels: { le = "" }, value } of exposition.all(`${name}_bucket`, labels)) {
    const bound = le === "+Inf" ? Infinity : Number(le);
    counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  return new Map([...counts].sort(([a], [b]) => a - b));
}
