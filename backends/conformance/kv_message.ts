/** Encodes `mvccpb.KeyValue`, so that backends are tried with what they will really hold. */

export interface KvParts {
  readonly key: Uint8Array;
  /** Taken for the create and mod revision alike: no backend looks inside. */
  readonly revision: number;
  /** A tombstone has none. */
  readonly value?: Uint8Array;
  readonly lease?: bigint;
}

/** The value is written last; `metaSize` is where it begins. */
export function encodeKv({ key, revision, value, lease = 0n }: KvParts): {
  kv: Uint8Array;
  metaSize: number;
} {
  const head = [...field(1, 2), ...varint(BigInt(key.length))];
  const middle = value === undefined ? [...field(3, 0), ...varint(BigInt(revision))] : [
    ...field(2, 0),
    ...varint(BigInt(revision)),
    ...field(3, 0),
    ...varint(BigInt(revision)),
    ...field(4, 0),
    ...varint(1n),
    ...(lease === 0n ? [] : [...field(6, 0), ...varint(BigInt.asUintN(64, lease))]),
  ];
  const metaSize = head.length + key.length + middle.length;
  const tail = value === undefined || value.length === 0
    ? []
    : [...field(5, 2), ...varint(BigInt(value.length))];
  const kv = new Uint8Array(metaSize + tail.length + (value?.length ?? 0));
  kv.set(head);
  kv.set(key, head.length);
  kv.set(middle, head.length + key.length);
  kv.set(tail, metaSize);
  if (value !== undefined) kv.set(value, metaSize + tail.length);
  return { kv, metaSize };
}

function field(number: number, wireType: number): number[] {
  return [(number << 3) | wireType];
}

function varint(value: bigint): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return out;
}
