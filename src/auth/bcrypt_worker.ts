/** Hashes passwords on a thread of its own: one takes longer than hundreds of other requests. */

/// <reference lib="deno.worker" />

import bcrypt from "bcryptjs";
import type { PasswordAnswer, PasswordTask } from "./passwords.ts";

self.onmessage = ({ data }: MessageEvent<PasswordTask>) => answer(run(data));

function run(task: PasswordTask): PasswordAnswer {
  try {
    return { result: "hash" in task ? bcrypt.compareSync(task.password, task.hash) : hash(task) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** Under the version that Go writes, so that etcd reads its own kind of hash from a snapshot. */
function hash({ password, cost }: { password: string; cost: number }): string {
  const salt = bcrypt.genSaltSync(cost).replace(/^\$2[by]\$/, "$2a$");
  return bcrypt.hashSync(password, salt);
}

function answer(message: PasswordAnswer): void {
  self.postMessage(message);
}
