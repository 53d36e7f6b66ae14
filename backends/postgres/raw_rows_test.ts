import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { byteaArray, int8Array, readArray } from "./arrays.ts";
import { tapRows } from "./raw_rows.ts";

function message(type: string, body: Buffer): Buffer {
  const whole = Buffer.alloc(5 + body.length);
  whole.write(type, 0, "latin1");
  whole.writeUInt32BE(4 + body.length, 1);
  body.copy(whole, 5);
  return whole;
}

function dataRow(columns: readonly (Buffer | null)[]): Buffer {
  const parts = columns.flatMap((column) => {
    const size = Buffer.alloc(4);
    size.writeInt32BE(column?.length ?? -1);
    return column === null ? [size] : [size, column];
  });
  return message("D", Buffer.concat([Buffer.from([0, columns.length]), ...parts]));
}

Deno.test("tapRows() takes rows as they are and passes on the rest, however the bytes come in pieces", () => {
  const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const large = Buffer.alloc(70_000, 5);
  const fatal = message("E", Buffer.from("SFATAL\0VFATAL\0C57P01\0\0"));
  const sent = [
    message("T", Buffer.from("row description")),
    dataRow([every, null]),
    dataRow([large, Buffer.alloc(0)]),
    message("E", Buffer.from("SERROR\0VERROR\0C40001\0MVFATAL is only a text\0\0")),
    message("Z", Buffer.from("I")),
    fatal,
  ];
  for (const size of [1, 2, 3, 5, 7, 64, 1_000, 1_000_000]) {
    const stream = new EventEmitter();
    const passed: Buffer[] = [];
    const rows: (Buffer | null)[][] = [];
    let fatals = 0;
    const connection = {
      attachListeners: (inner: EventEmitter) =>
        void inner.on("data", (chunk: Buffer) => passed.push(Buffer.from(chunk))),
    };
    tapRows({ connection }, {
      onRow: (row) => void rows.push([row.bytes(), row.bytes()]),
      onFatal: () => void fatals++,
    });
    connection.attachListeners(stream);
    const bytes = Buffer.concat(sent);
    for (let at = 0; at < bytes.length; at += size) {
      stream.emit("data", bytes.subarray(at, at + size));
    }
    assert.deepEqual(rows, [[every, null], [large, Buffer.alloc(0)]], `in pieces of ${size}`);
    const others = sent.filter((one) => one[0] !== "D".charCodeAt(0));
    assert.deepEqual(Buffer.concat(passed), Buffer.concat(others));
    assert.equal(fatals, 1);
  }
});

Deno.test("tapRows() refuses a client that it does not know", () => {
  const listener = { onRow() {}, onFatal() {} };
  assert.throws(() => tapRows({ connection: {} }, listener), /in another way/);
});

Deno.test("readArray() reads what the encoders write, and nulls", () => {
  const values = [Buffer.from([0, 255]), Buffer.alloc(0)];
  assert.deepEqual(readArray(byteaArray(values)), values);
  const numbers = [-(2n ** 63n), 0n, 2n ** 63n - 1n];
  const read = readArray(int8Array(numbers)).map((number) => number?.readBigInt64BE());
  assert.deepEqual(read, numbers);
  const withNull = byteaArray([Buffer.from("a")]);
  withNull.writeInt32BE(-1, 20);
  assert.deepEqual(readArray(withNull), [null]);
  // An empty array as PostgreSQL sends it has no dimension.
  assert.deepEqual(readArray(Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17])), []);
});
