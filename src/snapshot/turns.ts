/** Lets so many do something at a time; the others wait in the order in which they came. */
import { EtcdError } from "../errors.ts";

export interface TurnsOptions {
  /** Most at a time. */
  readonly max: number;
  /** Most that wait; further ones are refused. */
  readonly waitingMax: number;
}

export class Turns {
  readonly #options: TurnsOptions;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /**
   * Resolves when it is the caller's turn, which lasts until it is disposed of.
   *
   * @throws {EtcdError} `tooManyRequests` if too many wait already
   * @throws the signal's reason if it is aborted first
   */
  async take(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#taken < this.#options.max) this.#taken++;
    else await this.#wait(signal);
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        this.#pass();
      },
    };
  }

  /** The turn goes to the next one without becoming free in between. */
  #pass(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#taken--;
    else next();
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#options.waitingMax) throw new EtcdError("tooManyRequests");
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(enter);
        signal.removeEventListener("abort", giveUp);
      };
      const enter = () => {
        leave();
        resolve();
      };
      const giveUp = () => {
        leave();
        reject(signal.reason);
      };
      this.#waiting.add(enter);
      signal.addEventListener("abort", giveUp);
    });
  }
}
