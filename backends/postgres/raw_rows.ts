/**
 * Takes the rows out of a connection of `pg` before it reads them.
 *
 * `pg` decodes every column as UTF-8, those in binary form as well, which destroys bytes that are none. And what a page
 * of keys costs is mostly an array and a string for each. Here a row is handed over where it lies in the bytes that came
 * from the socket; all other messages go on to `pg`. This is the one place that knows how `pg` listens to its socket.
 */

import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";

/** A message's type and its length, which counts itself but not the type. */
const HEADER_BYTES = 5;
const DATA_ROW = 0x44;
const ERROR_RESPONSE = 0x45;
/** In front of a row's columns: their number. */
const COLUMNS_BYTES = 2;
const LENGTH_BYTES = 4;

/** One row where it lies; only good until the call that it is given to returns. Columns are read once, in order. */
export class RawRow {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  place(bytes: Buffer, at: number): void {
    this.#bytes = bytes;
    this.#at = at + COLUMNS_BYTES;
  }

  /** The next column, as a view. */
  view(): Buffer | null {
    const size = this.#bytes.readInt32BE(this.#at);
    this.#at += LENGTH_BYTES;
    return size < 0 ? null : this.#bytes.subarray(this.#at, this.#at += size);
  }

  /** The next column, in memory of its own unless it is most of what came with it. */
  bytes(): Buffer | null {
    const view = this.view();
    if (view === null || view.length * 2 > view.buffer.byteLength) return view;
    return Buffer.from(view);
  }

  /** The size of the next column, which is not read thereby; -1 for null. */
  size(): number {
    return this.#bytes.readInt32BE(this.#at);
  }

  /** Whether the next column is not empty and begins with the byte. */
  startsWith(byte: number): boolean {
    return this.size() > 0 && this.#bytes[this.#at + LENGTH_BYTES] === byte;
  }

  /** Copies the next column, which must not be null, and answers where it ends. */
  copyTo(target: Buffer, at: number): number {
    const size = this.#bytes.readInt32BE(this.#at);
    this.#at += LENGTH_BYTES;
    this.#bytes.copy(target, at, this.#at, this.#at += size);
    return at + size;
  }
}

export interface RawListener {
  onRow(row: RawRow): void;
  /** The server reports an error after which it ends the connection; `pg` has not seen it yet. */
  onFatal(): void;
}

/** The part of `pg`'s connection that is stepped in front of. */
interface PgConnection {
  attachListeners(stream: EventEmitter): void;
}

/** Steps in front of `pg`; before the client connects. */
export function tapRows(client: object, listener: RawListener): void {
  const connection = connectionOf(client);
  const attach = connection.attachListeners;
  // With TLS it is called for the encrypted stream, and only for that.
  connection.attachListeners = (stream) => {
    const rest = new EventEmitter();
    attach.call(connection, rest);
    const splitter = createSplitter(listener, (message) => rest.emit("data", message));
    stream.on("data", splitter);
    stream.on("end", () => rest.emit("end"));
  };
}

function connectionOf(client: object): PgConnection {
  if ("connection" in client) {
    const { connection } = client;
    if (
      typeof connection === "object" && connection !== null &&
      "attachListeners" in connection && typeof connection.attachListeners === "function"
    ) return connection as PgConnection;
  }
  throw new Error("this version of pg listens to its socket in another way");
}

/** Cuts what comes from the socket into messages. One that comes in pieces is put together in memory of its exact size. */
function createSplitter(
  listener: RawListener,
  pass: (message: Buffer) => void,
): (chunk: Buffer) => void {
  const row = new RawRow();
  let held: Buffer = Buffer.alloc(0);
  let partial: Buffer | null = null;
  let filled = 0;

  function handle(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at];
    if (type === DATA_ROW) {
      row.place(bytes, at + HEADER_BYTES);
      listener.onRow(row);
      return;
    }
    const message = bytes.subarray(at, end);
    if (type === ERROR_RESPONSE && isFatal(message)) listener.onFatal();
    pass(message);
  }

  return (received) => {
    let chunk = received;
    let at = 0;
    if (partial !== null) {
      at = chunk.copy(partial, filled);
      filled += at;
      if (filled < partial.length) return;
      const whole = partial;
      partial = null;
      handle(whole, 0, whole.length);
    } else if (held.length > 0) {
      chunk = Buffer.concat([held, chunk]);
      held = held.subarray(0, 0);
    }
    while (at + HEADER_BYTES <= chunk.length) {
      const size = 1 + chunk.readUInt32BE(at + 1);
      if (at + size > chunk.length) {
        partial = Buffer.allocUnsafeSlow(size);
        filled = chunk.copy(partial, 0, at);
        return;
      }
      handle(chunk, at, at + size);
      at += size;
    }
    held = chunk.subarray(at);
  };
}

/** The field `V`, the severity in English, of an error: fields are a letter and a text that ends with a zero. */
function isFatal(message: Buffer): boolean {
  const fields = message.toString("latin1", HEADER_BYTES).split("\0");
  return fields.includes("VFATAL") || fields.includes("VPANIC");
}
