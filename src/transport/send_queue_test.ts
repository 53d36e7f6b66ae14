import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { SendQueue } from "./send_queue.ts";

/** A stream that copies what it is given, and takes 100 kB before it wants a pause. */
class FakeStream {
  writableLength = 0;
  isEnded = false;
  readonly written: Buffer[] = [];

  write(chunk: Uint8Array): boolean {
    this.written.push(Buffer.from(chunk));
    this.writableLength += chunk.byteLength;
    return this.writableLength < 100_000;
  }

  end(): void {
    this.isEnded = true;
  }
}

function makeQueue() {
  const stream = new FakeStream();
  // Of `write` and `end` the queue uses no other form.
  return {
    stream,
    queue: new SendQueue(stream as unknown as ConstructorParameters<typeof SendQueue>[0]),
  };
}

Deno.test("SendQueue gives a stream what it takes, and the rest by and by", () => {
  const { stream, queue } = makeQueue();
  const pushed = [10, 300_000, 20, 70_000, 5].map((size, index) => Buffer.alloc(size, index));
  for (const chunk of pushed) queue.push(chunk);
  assert.equal(queue.bytes, Buffer.concat(pushed).length);
  queue.end();
  let turns = 0;
  for (; !stream.isEnded; turns++) {
    assert.ok(stream.writableLength < 200_000, "the stream holds little");
    stream.writableLength = 0;
    queue.pump();
  }
  assert.ok(turns > 1);
  assert.ok(Buffer.concat(stream.written).equals(Buffer.concat(pushed)));
});

Deno.test("SendQueue knows the memory that it holds until the last of it is written", () => {
  const { stream, queue } = makeQueue();
  const memory = Buffer.alloc(400_000);
  queue.push(memory);
  assert.ok(queue.holds(memory.subarray(1_000)));
  assert.ok(!queue.holds(Buffer.alloc(400_000)));
  while (queue.bytes > 0) {
    stream.writableLength = 0;
    queue.pump();
  }
  assert.ok(!queue.holds(memory));
});

Deno.test("SendQueue drops what waits when it is cleared", () => {
  const { stream, queue } = makeQueue();
  queue.push(Buffer.alloc(400_000));
  queue.end();
  queue.clear();
  stream.writableLength = 0;
  queue.pump();
  assert.equal(queue.bytes, 0);
  assert.ok(!stream.isEnded);
});
