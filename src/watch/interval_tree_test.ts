import assert from "node:assert/strict";
import { Dice } from "../../backends/conformance/dice.ts";
import { IntervalTree } from "./interval_tree.ts";

interface Interval {
  readonly start: string;
  readonly end: string | null;
}

const ALPHABET = ["", "\0", "a", "ab", "abc", "b", "b\xff", "c", "\xfe", "\xff", "\xff\xff"];

Deno.test("IntervalTree finds what a list of all intervals finds", () => {
  const dice = new Dice(7);
  const tree = new IntervalTree<Interval>(() => dice.below(1_000));
  const list: Interval[] = [];
  for (let step = 0; step < 5_000; step++) {
    if (dice.below(20) < 9 && list.length > 0) {
      const [gone] = list.splice(dice.below(list.length), 1);
      assert.ok(gone);
      tree.delete({ ...gone });
    } else {
      const start = dice.pick(ALPHABET);
      const end = dice.below(10) === 0 ? null : dice.pick(ALPHABET);
      const known = list.find((one) => one.start === start && one.end === end);
      assert.equal(tree.get({ start, end }), known);
      if ((end !== null && end <= start) || known !== undefined) continue;
      const interval = { start, end };
      list.push(interval);
      tree.add(interval, interval);
    }
    assert.equal(tree.size, list.length);
    const key = dice.pick(ALPHABET) + (dice.below(3) === 0 ? "\0" : "");
    const found = new Set<Interval>();
    tree.stab(key, (interval) => found.add(interval));
    const wanted = list.filter(({ start, end }) => start <= key && (end === null || key < end));
    assert.deepEqual(found, new Set(wanted));
  }
});

Deno.test("IntervalTree stays shallow when intervals come in order", () => {
  const dice = new Dice(1);
  const tree = new IntervalTree<number>(() => dice.below(2 ** 30));
  // A list of this length would overflow the stack.
  for (let index = 0; index < 100_000; index++) {
    const start = String.fromCharCode(index >> 8, index & 255);
    tree.add({ start, end: start + "\0" }, index);
  }
  let found = -1;
  tree.stab(String.fromCharCode(300, 7), (index) => found = index);
  assert.equal(found, 300 * 256 + 7);
});
