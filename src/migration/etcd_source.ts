/** A database file of etcd's as a source: what `etcdctl snapshot save` wrote, or the file of a stopped member. */
import { Buffer } from "node:buffer";
import { fromBinary } from "@bufbuild/protobuf";
import type { LeaseChange, LogRow, RecordChange } from "../../backends/contract.ts";
import { AlarmMemberSchema } from "../../gen/etcdserverpb/maintenance_pb.ts";
import { KeyValueSchema } from "../../gen/mvccpb/kv_pb.ts";
import { messageOf } from "../errors.ts";
import { TERM_RECORD } from "../identity.ts";
import { ACTIVE_ALARM, alarmRecordName } from "../mvcc/alarms.ts";
import { encodeKv } from "../mvcc/stored_kv.ts";
import { AUTH } from "../snapshot/etcd_buckets.ts";
import type { BoltEntry, BoltReader } from "./bolt_reader.ts";
import { MigrationError, type Portion, type Source, type SourceEnd } from "./source.ts";

const REVISION_SIZE = 17;
const TOMBSTONE_SIZE = 18;

export interface EtcdSourceOptions {
  readonly name: string;
  readonly notes: readonly string[];
}

export class EtcdSource implements Source {
  readonly name: string;
  readonly notes: readonly string[];
  readonly #reader: BoltReader;
  #fraction = 0;
  /** Of the newest row. */
  #revision = 1;
  /** Up to here revisions were left out, by a restore that raised them: nothing before it can be read. */
  #raisedTo = -1;

  /** @throws {MigrationError} if it is a bbolt file, but not etcd's; the reader is closed with the source */
  constructor(reader: BoltReader, { name, notes }: EtcdSourceOptions) {
    this.#reader = reader;
    this.name = name;
    this.notes = notes;
    if (reader.has("key") && reader.has("meta")) return;
    reader[Symbol.dispose]();
    throw new MigrationError(`${name} is a bbolt database, but not etcd's: it has no bucket "key"`);
  }

  get fraction(): number {
    return this.#fraction;
  }

  async *portions(): AsyncGenerator<Portion, SourceEnd> {
    for (const { entries, fraction } of this.#reader.bucket("key")) {
      const rows = entries.map((entry) => this.#row(entry)).filter((row) => row !== null);
      this.#fraction = fraction;
      yield { rows, leases: [], records: [] };
    }
    for (const { entries } of this.#reader.bucket("lease")) {
      yield { rows: [], leases: entries.map((entry) => this.#lease(entry)), records: [] };
    }
    yield { rows: [], leases: [], records: [...this.#records()] };
    const compactRevision = Math.max(this.#compactRevision(), this.#raisedTo);
    return { revision: Math.max(this.#revision, compactRevision), compactRevision };
  }

  #row({ key: id, value }: BoltEntry): LogRow | null {
    const isSound = id.length >= REVISION_SIZE && id.length <= TOMBSTONE_SIZE;
    if (!isSound) throw this.#unsound(`a revision has ${id.length} bytes`);
    const revision = this.#number(id.readBigUInt64BE(0), "a revision");
    const sub = this.#number(id.readBigUInt64BE(9), "a place within a revision");
    this.#revision = revision;
    if (value.length === 0) {
      // What `etcdutl snapshot restore --bump-revision` leaves: a revision without a key.
      this.#raisedTo = revision;
      return null;
    }
    const stored = this.#parse(value, revision);
    const { key } = stored;
    if (id.length === TOMBSTONE_SIZE) {
      const fields = { createRevision: 0, modRevision: revision, version: 0, lease: 0n };
      const { kv, metaSize } = encodeKv({ key, ...fields, value: new Uint8Array(0) });
      return { revision, sub, key, kv, metaSize, tombstone: true, lease: 0n };
    }
    const what = `a number of revision ${revision}`;
    if (this.#number(stored.modRevision, what) !== revision) {
      throw this.#unsound(`revision ${revision} holds a key of revision ${stored.modRevision}`);
    }
    const { lease } = stored;
    const { kv, metaSize } = encodeKv({
      key,
      createRevision: this.#number(stored.createRevision, what),
      modRevision: revision,
      version: this.#number(stored.version, what),
      lease,
      value: stored.value,
    });
    return { revision, sub, key, kv, metaSize, tombstone: false, lease };
  }

  #parse(value: Buffer, revision: number) {
    try {
      return fromBinary(KeyValueSchema, value);
    } catch (error) {
      throw this.#unsound(`revision ${revision} cannot be decoded (${messageOf(error)})`);
    }
  }

  #number(value: bigint, what: string): number {
    if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw this.#unsound(`${what} is ${value}`);
  }

  /** As etcd itself does when it starts: the whole time to live, or what was left when that was stored last. */
  #lease({ key, value }: BoltEntry): LeaseChange {
    const [id = 0n, ttl = 0n, remaining = 0n] = this.#varints(value);
    if (key.length !== 8 || key.readBigInt64BE(0) !== BigInt.asIntN(64, id) || ttl <= 0n) {
      throw this.#unsound("a lease in it is damaged");
    }
    const seconds = this.#number(ttl, "a time to live");
    const left = remaining > 0n && remaining < ttl ? Number(remaining) : seconds;
    const state = { ttl: seconds, remainingMs: left * 1_000 };
    return { id: BigInt.asIntN(64, id), state };
  }

  /** A message of numbers alone, whose fields are 1, 2, 3 … */
  #varints(message: Buffer): bigint[] {
    const fields: bigint[] = [];
    for (let at = 0; at < message.length;) {
      const field = (message[at++] ?? 0) >> 3;
      let value = 0n;
      for (let shift = 0n;; shift += 7n) { // Ends with the message, or with 64 bits.
        const byte = message[at++];
        if (byte === undefined || shift > 63n) throw this.#unsound("a lease in it is damaged");
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      fields[field - 1] = BigInt.asUintN(64, value);
    }
    return fields;
  }

  *#records(): Generator<RecordChange> {
    const reader = this.#reader;
    for (const { key, value } of reader.entries("auth")) {
      const name = key.toString();
      if (name === "authRevision") yield { name: AUTH.revision, value };
      if (name === "authEnabled" && value[0] === 1) yield { name: AUTH.enabled, value };
    }
    for (const { key, value } of reader.entries("authUsers")) {
      yield { name: AUTH.userPrefix + key.toString(), value };
    }
    for (const { key, value } of reader.entries("authRoles")) {
      yield { name: AUTH.rolePrefix + key.toString(), value };
    }
    for (const { key } of reader.entries("alarm")) {
      const { memberID, alarm } = fromBinary(AlarmMemberSchema, key);
      yield { name: alarmRecordName({ memberId: memberID, alarm }), value: ACTIVE_ALARM };
    }
    const term = this.#meta("term");
    // Clients see terms grow: it goes on from here.
    if (term?.length === 8) {
      yield { name: TERM_RECORD, value: Buffer.from(String(term.readBigUInt64BE(0))) };
    }
  }

  /** A compaction that was begun holds, whether etcd has finished it or not. */
  #compactRevision(): number {
    const revisions = ["scheduledCompactRev", "finishedCompactRev"].map((name) => {
      const value = this.#meta(name);
      if (value === undefined || value.length < 8) return -1;
      return this.#number(value.readBigUInt64BE(0), "its compact revision");
    });
    return Math.max(...revisions);
  }

  #meta(name: string): Buffer | undefined {
    return this.#reader.entries("meta").find(({ key }) => key.toString() === name)?.value;
  }

  #unsound(found: string): MigrationError {
    return new MigrationError(`${this.name} is damaged: ${found}`);
  }

  missed(): Promise<string> {
    return Promise.resolve("");
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#reader[Symbol.dispose]();
    return Promise.resolve();
  }
}
