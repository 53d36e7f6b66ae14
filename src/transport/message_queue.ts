/** Messages between a source that pushes and a consumer that pulls. */

/** Messages that wait; at this number the source is paused, so a queue holds little more. */
const WAITING_MAX = 8;

/** What the queue asks of its source. */
export interface Source {
  pause(): void;
  resume(): void;
}

const DONE: IteratorResult<Uint8Array> = { done: true, value: undefined };

/** One consumer at a time. */
export class MessageQueue implements AsyncIterable<Uint8Array> {
  readonly #source: Source | undefined;
  #waiting: Uint8Array[] = [];
  #wake: ((result: IteratorResult<Uint8Array>) => void) | undefined;
  #isPaused = false;
  #isEnded = false;

  constructor(source?: Source) {
    this.#source = source;
  }

  push(message: Uint8Array): void {
    if (this.#isEnded) return;
    const wake = this.#wake;
    if (wake !== undefined) {
      this.#wake = undefined;
      wake({ done: false, value: message });
      return;
    }
    this.#waiting.push(message);
    if (this.#waiting.length >= WAITING_MAX && !this.#isPaused) {
      this.#isPaused = true;
      this.#source?.pause();
    }
  }

  /** No more messages come; those that wait are still delivered. */
  end(): void {
    this.#isEnded = true;
    this.#wake?.(DONE);
    this.#wake = undefined;
  }

  /** Like `end`, and what waits is dropped. */
  cancel(): void {
    this.#waiting = [];
    this.end();
    this.#resume();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#source?.resume();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => {
        const message = this.#waiting.shift();
        if (message !== undefined) {
          if (this.#waiting.length === 0) this.#resume();
          return Promise.resolve({ done: false, value: message });
        }
        if (this.#isEnded) return Promise.resolve(DONE);
        return new Promise((resolve) => this.#wake = resolve);
      },
      // The consumer has read enough: later messages are read from the connection and dropped.
      return: () => {
        this.cancel();
        return Promise.resolve(DONE);
      },
    };
  }
}
