/** What a metric is here: a name, and a function that reads the numbers which the parts of the server keep anyway. */

import type { Tally } from "./tally.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface TallySample {
  readonly labels: Labels;
  readonly tally: Tally;
}

interface Described {
  readonly name: string;
  /** For etcd's, its own text: some tools show it. */
  readonly help: string;
  readonly labels: readonly string[];
  /** Where Rhino counts something else than the text says. For the documentation. */
  readonly note?: string;
}

/** All series of one name. What cannot be told just now has none. */
export type Family =
  | (Described & {
    readonly type: "counter" | "gauge";
    readonly read: () => Iterable<Sample>;
  })
  | (Described & { readonly type: "histogram"; readonly read: () => Iterable<TallySample> });
