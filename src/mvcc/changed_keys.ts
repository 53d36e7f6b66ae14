/** The keys that a batch has changed so far, in key order, so that a range over them costs what it finds. */
import { keyName, type KeyRange } from "./key_range.ts";
import type { Version } from "./stored_kv.ts";

export class ChangedKeys {
  /** By key name; `null` for a key that is gone. */
  readonly #versions = new Map<string, Version | null>();
  /** The names, sorted. A name has one character per byte, so names sort as keys do. */
  readonly #names: string[] = [];

  get(name: string): Version | null | undefined {
    return this.#versions.get(name);
  }

  set(name: string, version: Version | null): void {
    if (!this.#versions.has(name)) this.#names.splice(this.#placeOf(name), 0, name);
    this.#versions.set(name, version);
  }

  delete(name: string): void {
    if (this.#versions.delete(name)) this.#names.splice(this.#placeOf(name), 1);
  }

  entries(): Iterable<[string, Version | null]> {
    return this.#versions;
  }

  /** Versions of an interval as loaded, in key order, with the changes laid over them. */
  over(loaded: readonly Version[], range: KeyRange): readonly Version[] {
    let place = this.#placeOf(keyName(range.start));
    const end = range.end === null ? this.#names.length : this.#placeOf(keyName(range.end));
    if (place >= end) return loaded;
    const merged: Version[] = [];
    for (const version of loaded) {
      const name = keyName(version.key);
      for (; place < end && this.#names[place]! < name; place++) this.#take(place, merged);
      if (place < end && this.#names[place] === name) this.#take(place++, merged);
      else merged.push(version);
    }
    for (; place < end; place++) this.#take(place, merged);
    return merged;
  }

  #take(place: number, into: Version[]): void {
    const version = this.#versions.get(this.#names[place]!);
    if (version) into.push(version);
  }

  /** Where the name stands, or would. */
  #placeOf(name: string): number {
    let low = 0;
    let high = this.#names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#names[middle]! < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
