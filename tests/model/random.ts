/** Random numbers that a seed repeats. */

/** Seeds are 32 bits, so that they are short to copy. */
const SEED_COUNT = 2 ** 32;

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.#next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<Item>(items: readonly [Item, ...Item[]] | readonly Item[]): Item {
    const item = items[this.int(0, items.length - 1)];
    if (item === undefined) throw new RangeError("Cannot pick an item: there is none");
    return item;
  }

  /** Picks by weight: `[[3, "often"], [1, "seldom"]]`. */
  weighted<Item>(choices: readonly (readonly [weight: number, item: Item])[]): Item {
    let rest = this.#next() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, item] of choices) {
      rest -= weight;
      if (rest < 0) return item;
    }
    throw new RangeError("Cannot pick an item: the weights are all zero");
  }

  times<Item>(count: number, make: () => Item): Item[] {
    return Array.from({ length: count }, make);
  }

  /** Mulberry32, by Tommy Ettinger: one 32-bit word of state, fair enough for tests. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / SEED_COUNT;
  }
}

/** RHINO_SEED, or a new seed each time. */
export function seedOfRun(): number {
  const given = Deno.env.get("RHINO_SEED");
  if (given === undefined) return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  return wholeNumber("RHINO_SEED", given);
}

/** A whole number from the environment, or the default. */
export function countOfRun(name: string, count: number): number {
  const given = Deno.env.get(name);
  return given === undefined ? count : wholeNumber(name, given);
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(number) || number < 0) {
    throw new RangeError(`Cannot run with ${name}="${text}": it is not a whole number`);
  }
  return number;
}
