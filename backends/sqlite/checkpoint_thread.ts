/** Talks to `checkpoint_worker.ts`. */

import type { CheckpointAnswer, CheckpointerThread, CheckpointRequest } from "./checkpointer.ts";

/** One request at a time; the others wait for their turn. */
export class CheckpointThread implements CheckpointerThread {
  readonly #worker: Worker;
  #answer: PromiseWithResolvers<CheckpointAnswer> | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #death: CheckpointAnswer | null = null;

  constructor(path: string) {
    const url = new URL("./checkpoint_worker.ts", import.meta.url);
    this.#worker = new Worker(url, { type: "module", name: "rhino-checkpoint" });
    this.#worker.onmessage = ({ data }: MessageEvent<CheckpointAnswer>) =>
      this.#answer?.resolve(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#death = { error: event.message };
      this.#answer?.resolve(this.#death);
    };
    this.#worker.postMessage({ path });
  }

  get isDead(): boolean {
    return this.#death !== null;
  }

  run(request: CheckpointRequest): Promise<CheckpointAnswer> {
    return this.#ask(request);
  }

  async close(): Promise<void> {
    await this.#ask("close");
    this.#worker.terminate();
  }

  #ask(message: CheckpointRequest | "close"): Promise<CheckpointAnswer> {
    const asked = this.#queue.then(() => {
      if (this.#death !== null) return this.#death;
      this.#answer = Promise.withResolvers();
      this.#worker.postMessage(message);
      return this.#answer.promise;
    });
    this.#queue = asked;
    return asked;
  }
}
