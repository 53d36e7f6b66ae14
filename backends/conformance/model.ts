/**
 * A naive model of what a store must answer, and random histories to try it with. The model keeps every row for ever and
 * looks through all of them for each question.
 */

import type { KeySpan, LogRow } from "../contract.ts";
import type { Dice } from "./dice.ts";
import { append, bytes, putRow, type Subject, tombstoneRow } from "./subject.ts";

/** Keys that a careless backend mixes up: prefixes of each other, zeros, 0xff, no UTF-8, spaces, cases. */
export const AWKWARD_KEYS: readonly Uint8Array[] = [
  Uint8Array.of(0x00),
  Uint8Array.of(0x00, 0x00),
  bytes("A"),
  bytes("a"),
  Uint8Array.of(0x61, 0x00),
  Uint8Array.of(0x61, 0x00, 0x62),
  bytes("a "),
  bytes("a  "),
  bytes("a%"),
  bytes("a_"),
  bytes("aa"),
  Uint8Array.of(0x61, 0xff),
  Uint8Array.of(0x61, 0xff, 0xff),
  bytes("ab"),
  bytes("b"),
  bytes("b'\"\\;--"),
  bytes("é"),
  bytes("e\u0301"),
  bytes("\u{1f98f}"),
  Uint8Array.of(0xc3, 0x28),
  Uint8Array.of(0xff),
  Uint8Array.of(0xff, 0x00),
  Uint8Array.of(0xff, 0xff),
];

export class Model {
  readonly rows: LogRow[] = [];
  revision = 1;
  compactRevision = -1;

  /** The row of the key that decides at the revision, tombstones included. */
  #deciding(key: Uint8Array, revision: number): LogRow | undefined {
    return this.rows.findLast((row) => row.revision <= revision && sameBytes(row.key, key));
  }

  kvAt(key: Uint8Array, revision: number): Uint8Array | null {
    const row = this.#deciding(key, revision);
    return row === undefined || row.tombstone ? null : row.kv;
  }

  /** Live rows of the interval at the revision, in key order. */
  live({ start, end }: KeySpan, revision: number): LogRow[] {
    const newest = new Map<string, LogRow>();
    for (const row of this.rows) {
      if (row.revision <= revision) newest.set(row.key.toHex(), row);
    }
    return [...newest.values()]
      .filter((row) => !row.tombstone && row.key.toHex() >= start.toHex())
      .filter((row) => end === null || row.key.toHex() < end.toHex())
      .sort((a, b) => a.key.toHex() < b.key.toHex() ? -1 : 1);
  }

  /** What stood before the row's revision. */
  prevKv(row: LogRow): Uint8Array | null {
    return this.kvAt(row.key, row.revision - 1);
  }

  /** Rows that must be left when everything up to the revision is trimmed. */
  keptByTrim(at: number = this.compactRevision): LogRow[] {
    return this.rows.filter((row) => {
      if (row.revision > at) return true;
      if (this.#deciding(row.key, at) !== row) return false;
      return !row.tombstone || row.revision === at;
    });
  }
}

export interface GrowOptions {
  readonly dice: Dice;
  readonly batches: number;
}

/** Appends random batches of several revisions each, to the store and to the model. */
export async function growHistory(
  subject: Subject,
  model: Model,
  { dice, batches }: GrowOptions,
): Promise<void> {
  for (let made = 0; made < batches; made++) {
    const rows: LogRow[] = [];
    for (let count = dice.below(4); count > 0; count--) {
      model.revision++;
      rows.push(...randomRevision(model, dice));
    }
    await append(subject, { rows, revision: model.revision });
  }
}

/** Adds up to five changes of different keys at the model's revision, and answers them. */
function randomRevision(model: Model, dice: Dice): LogRow[] {
  const { revision } = model;
  const keys = new Set(Array.from({ length: 1 + dice.below(5) }, () => dice.pick(AWKWARD_KEYS)));
  const rows = [...keys].map((key, sub) => {
    const lives = model.kvAt(key, revision) !== null;
    return lives && dice.below(3) === 0
      ? tombstoneRow(key, { revision, sub })
      : putRow(key, { revision, sub, value: new Uint8Array(dice.below(40)).fill(revision) });
  });
  model.rows.push(...rows);
  return rows;
}

/** Moves the compact revision to a random place ahead of where it is. */
export async function compactSomewhere(
  subject: Subject,
  model: Model,
  dice: Dice,
): Promise<void> {
  const from = Math.max(1, model.compactRevision);
  model.compactRevision = from + dice.below(model.revision - from + 1);
  await append(subject, { compactRevision: model.compactRevision });
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
