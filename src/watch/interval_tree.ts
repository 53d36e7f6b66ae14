/**
 * Half-open intervals of keys and what belongs to each, for the question "which of them hold this key?". A treap ordered
 * by interval whose nodes know the greatest end below them, so that a question costs about the logarithm of the number of
 * intervals and what it finds. Keys are `keyName` strings: they compare as the bytes do, and faster.
 */

interface Node<T> {
  readonly start: string;
  /** Exclusive; `null` for no upper bound. */
  readonly end: string | null;
  value: T;
  /** Random; a parent's is never below its children's, which keeps the tree shallow. */
  readonly priority: number;
  /** The greatest end in this subtree. */
  endMax: string | null;
  left: Node<T> | undefined;
  right: Node<T> | undefined;
}

interface Interval {
  readonly start: string;
  readonly end: string | null;
}

export class IntervalTree<T> {
  readonly #random: () => number;
  #root: Node<T> | undefined;
  #size = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  get size(): number {
    return this.#size;
  }

  get(interval: Interval): T | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compareIntervals(interval, node);
      if (order === 0) return node.value;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** Adds an interval that is not there yet. */
  add({ start, end }: Interval, value: T): void {
    const node: Node<T> = {
      start,
      end,
      value,
      priority: this.#random(),
      endMax: end,
      left: undefined,
      right: undefined,
    };
    this.#root = insert(this.#root, node);
    this.#size++;
  }

  /** Removes an interval that is there. */
  delete(interval: Interval): void {
    this.#root = remove(this.#root, interval);
    this.#size--;
  }

  /** What belongs to all intervals, in their order. */
  values(): IterableIterator<T> {
    return values(this.#root);
  }

  /** Calls `visit` with what belongs to each interval that holds the key. */
  stab(key: string, visit: (value: T) => void): void {
    stab(this.#root, { key, visit });
  }
}

function* values<T>(node: Node<T> | undefined): IterableIterator<T> {
  if (node === undefined) return;
  yield* values(node.left);
  yield node.value;
  yield* values(node.right);
}

function compareIntervals(a: Interval, b: Interval): number {
  if (a.start !== b.start) return a.start < b.start ? -1 : 1;
  if (a.end === b.end) return 0;
  return isEndBehind(a.end, b.end) ? 1 : -1;
}

function isEndBehind(a: string | null, b: string | null): boolean {
  if (b === null) return false;
  return a === null || a > b;
}

function updateEndMax<T>(node: Node<T>): void {
  const { left, right } = node;
  let endMax = node.end;
  if (left !== undefined && isEndBehind(left.endMax, endMax)) endMax = left.endMax;
  if (right !== undefined && isEndBehind(right.endMax, endMax)) endMax = right.endMax;
  node.endMax = endMax;
}

function insert<T>(root: Node<T> | undefined, node: Node<T>): Node<T> {
  if (root === undefined) return node;
  if (compareIntervals(node, root) < 0) {
    root.left = insert(root.left, node);
    if (root.left.priority > root.priority) return rotateRight(root, root.left);
  } else {
    root.right = insert(root.right, node);
    if (root.right.priority > root.priority) return rotateLeft(root, root.right);
  }
  updateEndMax(root);
  return root;
}

/** The left child becomes the parent. */
function rotateRight<T>(root: Node<T>, left: Node<T>): Node<T> {
  root.left = left.right;
  left.right = root;
  updateEndMax(root);
  updateEndMax(left);
  return left;
}

/** The right child becomes the parent. */
function rotateLeft<T>(root: Node<T>, right: Node<T>): Node<T> {
  root.right = right.left;
  right.left = root;
  updateEndMax(root);
  updateEndMax(right);
  return right;
}

function remove<T>(root: Node<T> | undefined, interval: Interval): Node<T> | undefined {
  if (root === undefined) return undefined;
  const order = compareIntervals(interval, root);
  if (order === 0) return merge(root.left, root.right);
  if (order < 0) root.left = remove(root.left, interval);
  else root.right = remove(root.right, interval);
  updateEndMax(root);
  return root;
}

/** One tree of two, where all of `left` comes before all of `right`. */
function merge<T>(left: Node<T> | undefined, right: Node<T> | undefined): Node<T> | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority > right.priority) {
    left.right = merge(left.right, right);
    updateEndMax(left);
    return left;
  }
  right.left = merge(left, right.left);
  updateEndMax(right);
  return right;
}

function stab<T>(
  root: Node<T> | undefined,
  query: { readonly key: string; readonly visit: (value: T) => void },
): void {
  let node = root;
  // Ends at the tree's right edge; only the way to the left is a call.
  while (node !== undefined) {
    if (node.endMax !== null && node.endMax <= query.key) return;
    stab(node.left, query);
    if (node.start > query.key) return;
    if (node.end === null || node.end > query.key) query.visit(node.value);
    node = node.right;
  }
}
