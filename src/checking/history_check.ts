/** The log: in order, without gaps, each row a message that follows from the one before it, and the current keys its end. */
import type { Backend, Head, HistoryRow } from "../../backends/contract.ts";
import { CATCH_UP_BYTES, CATCH_UP_ROWS, POINT_READ_KEYS_MAX } from "../limits.ts";
import { HashKvSum, isSame } from "../migration/row_sum.ts";
import { HistoryProgress } from "../migration/history_progress.ts";
import type { Report } from "../migration/source.ts";
import { historyPages } from "../mvcc/history_pages.ts";
import { keyName } from "../mvcc/key_range.ts";
import { parseKv, type Version } from "../mvcc/stored_kv.ts";
import { type Findings, showKey } from "./findings.ts";
import { checkRow } from "./stored_message.ts";

/** Keys whose tombstone is waited for; further ones are not looked at. */
const GONE_KEYS_MAX = 200_000;

export interface HistoryFacts {
  readonly rows: number;
  readonly bytes: number;
  /** Rows that are their key's current version. */
  readonly currentRows: number;
  /** How many more keys live at the end than at the compact revision. */
  readonly added: number;
  /** `null` if the store was compacted meanwhile: then it cannot be told. */
  readonly hashKv: number | null;
}

export interface HistoryCheckOptions {
  readonly backend: Backend;
  readonly findings: Findings;
  readonly report: Report;
  /** The log is read up to its revision. */
  readonly head: Head;
  /** How many keys lived at the head's compact revision. */
  readonly oldKeys: number;
  /** How many keys live at the head. */
  readonly liveKeys: number;
}

export async function checkHistory(options: HistoryCheckOptions): Promise<HistoryFacts> {
  const { backend, findings, head, report, oldKeys, liveKeys } = options;
  const check = new HistoryCheck(options);
  const progress = new HistoryProgress(head, oldKeys);
  const hash = new HashKvSum(backend, head, liveKeys);
  let [rows, bytes] = [0, 0];
  let newest = head;
  for (let after = 0; after < head.revision;) {
    const page = await backend.history({
      after,
      upTo: head.revision,
      rowsMax: CATCH_UP_ROWS,
      bytesMax: CATCH_UP_BYTES,
      withPrev: true,
      since: null,
    });
    await check.page(page.rows, page.head.compactRevision);
    await hash.add(page.rows);
    rows += page.rows.length;
    for (const { kv } of page.rows) bytes += kv.length;
    if (page.through <= after) {
      findings.add(`the log cannot be read beyond revision ${after}`);
      break;
    }
    ({ through: after, head: newest } = page);
    progress.add(page.rows);
    const { fraction } = progress;
    report({ what: "checking the history", fraction, revision: after, rows, bytes });
  }
  await check.end(newest.compactRevision);
  const { compactRevision } = await backend.head();
  const isSameScope = compactRevision === head.compactRevision;
  return {
    rows,
    bytes,
    currentRows: check.currentRows,
    added: check.added,
    hashKv: isSameScope ? hash.value : null,
  };
}

/** What became of a key within the revision that is being read. */
type Within = Map<string, Version | null>;

class HistoryCheck {
  currentRows = 0;
  added = 0;
  readonly #backend: Backend;
  readonly #findings: Findings;
  readonly #upTo: number;
  #revision = 0;
  #sub = 0;
  #within: Within = new Map();
  /** The newest put of each key that is not current any more, until its tombstone comes. */
  readonly #gone = new Map<string, HistoryRow>();

  constructor({ backend, findings, head }: HistoryCheckOptions) {
    this.#backend = backend;
    this.#findings = findings;
    this.#upTo = head.revision;
  }

  /** @param compactRevision as of the page: up to there rows may be gone */
  async page(rows: readonly HistoryRow[], compactRevision: number): Promise<void> {
    const sound: HistoryRow[] = [];
    for (const row of rows) {
      this.#place(row, compactRevision);
      const checked = checkRow(row);
      if ("fault" in checked) this.#add(row, checked.fault);
      else sound.push(row);
      if (row.revision <= compactRevision || "fault" in checked) continue;
      this.#succession(row, checked.version);
    }
    for (let at = 0; at < sound.length; at += POINT_READ_KEYS_MAX) {
      await this.#compareWithCurrent(sound.slice(at, at + POINT_READ_KEYS_MAX), sound);
    }
  }

  async end(compactRevision: number): Promise<void> {
    await this.#confirmGone();
    if (this.#revision >= this.#upTo || this.#upTo <= Math.max(1, compactRevision)) return;
    this.#findings.add(
      `the log ends with revision ${this.#revision}, the store with ${this.#upTo}`,
    );
  }

  /** Order, and above the compact revision every revision and every place. */
  #place(row: HistoryRow, compactRevision: number): void {
    const { revision, sub } = row;
    const isNew = revision !== this.#revision;
    const isBehind = revision < this.#revision || (!isNew && sub <= this.#sub);
    if (isBehind) this.#add(row, `it comes behind revision ${this.#revision}/${this.#sub}`);
    if (isNew) this.#within = new Map();
    if (!isBehind && revision > compactRevision) {
      const before = Math.max(this.#revision, compactRevision, 1);
      if (revision > before + 1) {
        this.#findings.add(`revisions ${before + 1} to ${revision - 1} are missing in the log`);
      }
      if (sub !== (isNew ? 0 : this.#sub + 1)) this.#add(row, "a change before it is missing");
    }
    this.#revision = revision;
    this.#sub = sub;
  }

  /** Versions count up, and what is deleted lived before. */
  #succession(row: HistoryRow, version: Version): void {
    const name = keyName(row.key);
    const known = this.#within.get(name);
    const before = known === undefined ? row.prevKv && parseKv(row.prevKv) : known;
    this.#within.set(name, row.tombstone ? null : version);
    if (row.tombstone) {
      if (before !== null) this.added--;
      if (before === null) this.#add(row, "it deletes a key that was not there");
      return;
    }
    if (before === null) this.added++;
    const number = before === null ? 1 : before.version + 1;
    if (version.version !== number) {
      this.#add(row, `its version is ${version.version}, and must be ${number}`);
    }
    const created = before === null ? row.revision : before.createRevision;
    if (version.createRevision !== created) {
      this.#add(row, `it was created at ${version.createRevision}, and must be at ${created}`);
    }
  }

  /** The newest row of a key that lives is the current one; no other key is current. */
  async #compareWithCurrent(
    rows: readonly HistoryRow[],
    all: readonly HistoryRow[],
  ): Promise<void> {
    const keys = rows.map(({ key }) => key);
    const query = { keys, leases: [], records: [], revision: 0 };
    const { kvs } = await this.#backend.load(query);
    for (const [at, row] of rows.entries()) {
      const kv = kvs[at] ?? null;
      const current = kv && parseKv(kv).modRevision;
      if (current === null) {
        if (row.tombstone) this.#takeTombstone(row);
        else this.#awaitTombstone(row);
      } else if (current < row.revision) {
        this.#add(row, `the key's current version is of revision ${current}`);
      } else if (current === row.revision && isLastOfKey(row, all)) {
        this.currentRows++;
        if (!isSame(kv, row.kv)) this.#add(row, "the key's current version is another one");
      }
    }
  }

  /** Puts of keys that are not current wait for their tombstone, which must come. */
  #awaitTombstone(row: HistoryRow): void {
    if (this.#gone.size < GONE_KEYS_MAX) this.#gone.set(keyName(row.key), row);
  }

  /** What is deleted in the log, was the newest version before. */
  #takeTombstone({ key }: HistoryRow): void {
    this.#gone.delete(keyName(key));
  }

  /** Keys without a tombstone up to the head may have one behind it, or may have been trimmed meanwhile. */
  async #confirmGone(): Promise<void> {
    if (this.#gone.size === 0) return;
    const { revision } = await this.#backend.head();
    for await (const rows of historyPages(this.#backend, { after: this.#upTo, upTo: revision })) {
      for (const row of rows.filter(({ tombstone }) => tombstone)) this.#takeTombstone(row);
    }
    for (const row of this.#gone.values()) {
      const span = { after: row.revision - 1, upTo: row.revision };
      for await (const rows of historyPages(this.#backend, span)) {
        const isThere = rows.some(({ sub }) => sub === row.sub);
        if (isThere) this.#add(row, "the key lives, and is not current");
      }
    }
  }

  #add({ revision, sub, key }: HistoryRow, fault: string): void {
    this.#findings.add(`revision ${revision}/${sub}, key ${showKey(key)}: ${fault}`);
  }
}

function isLastOfKey(row: HistoryRow, all: readonly HistoryRow[]): boolean {
  for (let at = all.indexOf(row) + 1; all[at]?.revision === row.revision; at++) {
    if (isSame(all[at]?.key ?? null, row.key)) return false;
  }
  return true;
}
