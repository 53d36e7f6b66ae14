import assert from "node:assert/strict";
import { MessageQueue } from "./message_queue.ts";

async function drain(queue: MessageQueue): Promise<number[]> {
  const seen: number[] = [];
  for await (const message of queue) seen.push(message[0] ?? -1);
  return seen;
}

Deno.test("MessageQueue delivers in order, then ends", async () => {
  const queue = new MessageQueue();
  queue.push(Uint8Array.of(1));
  const seen = drain(queue);
  queue.push(Uint8Array.of(2));
  await Promise.resolve();
  queue.push(Uint8Array.of(3));
  queue.end();
  queue.push(Uint8Array.of(4));
  assert.deepEqual(await seen, [1, 2, 3]);
});

Deno.test("MessageQueue pauses its source when eight wait, and resumes it when none does", async () => {
  const asked: string[] = [];
  const queue = new MessageQueue({
    pause: () => asked.push("pause"),
    resume: () => asked.push("resume"),
  });
  for (let i = 0; i < 8; i++) queue.push(Uint8Array.of(i));
  assert.deepEqual(asked, ["pause"]);
  const iterator = queue[Symbol.asyncIterator]();
  for (let i = 0; i < 8; i++) await iterator.next();
  assert.deepEqual(asked, ["pause", "resume"]);
});

Deno.test("MessageQueue drops what waits when cancelled or when its consumer leaves", async () => {
  const cancelled = new MessageQueue();
  cancelled.push(Uint8Array.of(1));
  cancelled.cancel();
  assert.deepEqual(await drain(cancelled), []);

  const left = new MessageQueue();
  left.push(Uint8Array.of(1));
  left.push(Uint8Array.of(2));
  for await (const _message of left) break;
  assert.deepEqual(await drain(left), []);
});
