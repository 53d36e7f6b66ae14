/**
 * kine's table as a source: every key that lives, with the revisions that clients know it by. Its past is left behind:
 * the copy is compacted at kine's newest revision.
 *
 * kine keeps no versions, and for a lease only a time to live. So a key's version is as many changes as are still there
 * (2 at least if it was changed after it was made), and each key with a time to live has a lease of its own, whose whole
 * time begins with the copy.
 */
import { Buffer } from "node:buffer";
import type { LeaseChange, LogRow } from "../../../backends/contract.ts";
import { messageOf } from "../../errors.ts";
import { encodeKv } from "../../mvcc/stored_kv.ts";
import { MigrationError, type Portion, type Source, type SourceEnd } from "../source.ts";
import type { KineStatements } from "./kine_statements.ts";
import type { Cell, SqlReader } from "./sql_reader.ts";

const PAGE_ROWS = 200;
/** Under this name kine keeps what kube-apiserver stores as `compact_rev_key`, with a version before the value. */
const APISERVER_KEY = "compact_rev_key_apiserver";
const PLAIN_KEY = Buffer.from("compact_rev_key");

export interface KineSourceOptions {
  readonly reader: SqlReader;
  readonly statements: KineStatements;
  readonly name: string;
}

export class KineSource implements Source {
  readonly name: string;
  readonly notes = [
    "kine's past is not copied: the copy is compacted at the newest revision",
    "what is written to kine from now on is not in the copy",
  ];
  readonly #reader: SqlReader;
  readonly #statements: KineStatements;
  #rows = 0;
  #expectedRows = 0;

  constructor({ reader, statements, name }: KineSourceOptions) {
    this.#reader = reader;
    this.#statements = statements;
    this.name = name;
  }

  get fraction(): number {
    return this.#expectedRows === 0 ? 0 : Math.min(1, this.#rows / this.#expectedRows);
  }

  /** Whether the database has a table of kine's, and one of Rhino's. */
  async tables(): Promise<[kine: boolean, rhino: boolean]> {
    const [[kine, rhino] = []] = await this.#ask(this.#statements.tables);
    return [kine === 1, rhino === 1];
  }

  async *portions(): AsyncGenerator<Portion, SourceEnd> {
    const revision = await this.#number(this.#statements.newest);
    this.#expectedRows = await this.#number(this.#statements.count);
    for (let after = 0;;) { // Ends with the first page that is not full.
      const text = this.#statements.page
        .replace("AFTER", String(after)).replace("ROWS", String(PAGE_ROWS));
      const found = (await this.#ask(text)).map((row) => this.#row(row));
      this.#rows += found.length;
      const leases = found.map(({ lease }) => lease).filter((lease) => lease !== null);
      yield { rows: found.map(({ row }) => row), leases, records: [] };
      if (found.length < PAGE_ROWS) break;
      after = found.at(-1)?.row.revision ?? after;
    }
    const isEmpty = revision <= 1;
    return { revision: Math.max(1, revision), compactRevision: isEmpty ? -1 : revision };
  }

  #row(cells: readonly Cell[]): { row: LogRow; lease: LeaseChange | null } {
    const revision = this.#integer(cells[0], "id");
    const { key, value, version } = this.#contents(cells);
    const ttl = this.#integer(cells[3], "lease");
    // Unique, as each revision of kine's changes one key; and the same when the copy is made again.
    const lease = ttl > 0 ? BigInt(revision) : 0n;
    const createRevision = this.#integer(cells[2], "create_revision") || revision;
    const changes = Math.max(version, this.#integer(cells[5], "count"));
    const { kv, metaSize } = encodeKv({
      key,
      createRevision,
      modRevision: revision,
      version: createRevision === revision ? 1 : Math.max(2, changes),
      lease,
      value,
    });
    return {
      row: { revision, sub: 0, key, kv, metaSize, tombstone: false, lease },
      lease: ttl > 0 ? { id: lease, state: { ttl, remainingMs: ttl * 1_000 } } : null,
    };
  }

  #contents([, name, , , stored]: readonly Cell[]) {
    const key = Buffer.from(bytesOf(name));
    const value = Buffer.from(bytesOf(stored));
    if (key.toString() !== APISERVER_KEY) return { key, value, version: 0 };
    const bar = value.indexOf("|");
    const version = Number(value.subarray(0, bar < 0 ? value.length : bar).toString());
    return {
      key: PLAIN_KEY,
      // Older kines kept the version alone.
      value: bar < 0 ? Buffer.from("0") : value.subarray(bar + 1),
      version: Number.isSafeInteger(version) ? version : 0,
    };
  }

  async #number(statement: string): Promise<number> {
    const [row = []] = await this.#ask(statement);
    return this.#integer(row[0], "the newest revision");
  }

  async #ask(statement: string): Promise<readonly (readonly Cell[])[]> {
    try {
      return await this.#reader.rows(statement);
    } catch (error) {
      throw new MigrationError(`cannot read ${this.name}: ${messageOf(error)}`, { cause: error });
    }
  }

  #integer(cell: Cell | undefined, what: string): number {
    const value = cell === null ? 0 : Number(cell);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw new MigrationError(`${this.name} is not as kine's: ${what} is ${cell}`);
  }

  missed(): Promise<string> {
    return Promise.resolve("");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }
}

function bytesOf(cell: Cell | undefined): Uint8Array {
  if (cell instanceof Uint8Array) return cell;
  return Buffer.from(String(cell ?? ""));
}
