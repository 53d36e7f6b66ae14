import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type OpenedFile, TemporaryFile, TemporaryFileError } from "./temporary_file.ts";

async function read(file: TemporaryFile, pieceSize: number): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of file.read(pieceSize)) pieces.push(Buffer.from(piece).toString());
  return pieces;
}

async function tempDir() {
  const path = await Deno.makeTempDir({ prefix: "rhino-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("TemporaryFile gives back what was appended and written over", async () => {
  await using dir = await tempDir();
  using file = await TemporaryFile.create(dir.path);
  await file.append([Buffer.from("....")]);
  await file.append([Buffer.from("ef"), Buffer.from("gh")]);
  await file.writeFront(Buffer.from("abcd"));
  await file.append([Buffer.from("ij")]);
  assert.equal(file.size, 10);
  assert.deepEqual(await read(file, 4), ["abcd", "efgh", "ij"]);
  assert.deepEqual(await read(file, 5), ["abcde", "fghij"]);
});

Deno.test("TemporaryFile has no name while it is open, nor after", async () => {
  await using dir = await tempDir();
  const file = await TemporaryFile.create(dir.path);
  await file.append([Buffer.from("secret")]);
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
  file[Symbol.dispose]();
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
});

Deno.test("TemporaryFile.create() fails where it cannot write", async () => {
  await using dir = await tempDir();
  await assert.rejects(
    TemporaryFile.create(`${dir.path}/missing`),
    (error) => error instanceof TemporaryFileError && !error.isFull,
  );
});

/** A file that takes and gives three bytes at a time, until `room` is used up. */
function smallFile(room: number): OpenedFile {
  let bytes = Buffer.alloc(0);
  let at = 0;
  return {
    write(part) {
      if (at >= room) {
        return Promise.reject(Object.assign(new Error("No space left"), { code: "ENOSPC" }));
      }
      const taken = Buffer.from(part.subarray(0, 3));
      bytes = Buffer.concat([bytes.subarray(0, at), taken, bytes.subarray(at + taken.length)]);
      at += taken.length;
      return Promise.resolve(taken.length);
    },
    read(part) {
      const given = bytes.subarray(at, at + Math.min(3, part.length));
      part.set(given);
      at += given.length;
      return Promise.resolve(given.length === 0 ? null : given.length);
    },
    seek(offset, whence) {
      at = Number(offset) + (whence === Deno.SeekMode.End ? bytes.length : 0);
      return Promise.resolve(at);
    },
    close() {},
  };
}

Deno.test("TemporaryFile goes on where a write or a read has stopped half-way", async () => {
  using file = new TemporaryFile("folder", { file: smallFile(100) });
  await file.append([Buffer.from("abcdefgh")]);
  await file.writeFront(Buffer.from("ABCDE"));
  assert.deepEqual(await read(file, 7), ["ABCDEfg", "h"]);
});

Deno.test("TemporaryFile tells a full disk from other failures", async () => {
  using file = new TemporaryFile("folder", { file: smallFile(6) });
  await assert.rejects(
    file.append([Buffer.from("abcdefgh")]),
    (error) => error instanceof TemporaryFileError && error.isFull,
  );
});

Deno.test("TemporaryFile.read() fails if the file has become shorter", async () => {
  const opened = smallFile(100);
  using file = new TemporaryFile("folder", {
    file: { ...opened, read: () => Promise.resolve(null) },
  });
  await file.append([Buffer.from("abc")]);
  await assert.rejects(read(file, 2), TemporaryFileError);
});
