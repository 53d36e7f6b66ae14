/** Families without labels, which most are. */

import type { Family } from "./family.ts";
import { one } from "./sources.ts";
import type { Tally } from "./tally.ts";

interface Plain<Value> {
  readonly help: string;
  readonly note?: string;
  /** `undefined` if it cannot be told just now. */
  readonly read: () => Value | undefined;
}

export function counter(name: string, { read, ...plain }: Plain<number>): Family {
  return { name, type: "counter", labels: [], ...plain, read: () => one(read()) };
}

export function gauge(name: string, { read, ...plain }: Plain<number>): Family {
  return { name, type: "gauge", labels: [], ...plain, read: () => one(read()) };
}

export function histogram(name: string, { read, ...plain }: Plain<Tally>): Family {
  const samples = () => {
    const tally = read();
    return tally === undefined ? [] : [{ labels: {}, tally }];
  };
  return { name, type: "histogram", labels: [], ...plain, read: samples };
}
