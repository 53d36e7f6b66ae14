/** What a test may do to a server, to see how its clients take it: calls that fail, and calls that nobody answers. */

import { type Backend, BackendError, type BackendModule } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import type { Method, MethodTable } from "../transport/call.ts";

interface Fault {
  /** Calls are refused; else they wait. */
  readonly refuses: boolean;
  readonly over: Promise<void>;
}

export class Faults {
  readonly #faults = new Map<Fault, () => void>();

  /** From now on until the end of what is answered, calls are refused or wait. */
  begin({ refuses }: { readonly refuses: boolean }): Disposable {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const fault = { refuses, over };
    const end = () => {
      this.#faults.delete(fault);
      resolve();
    };
    this.#faults.set(fault, end);
    return { [Symbol.dispose]: end };
  }

  get isAny(): boolean {
    return this.#faults.size > 0;
  }

  endAll(): void {
    for (const end of [...this.#faults.values()]) end();
  }

  /** Resolves when nothing is in the way, or when the call has ended meanwhile. */
  async pass(refusal: () => Error, signal?: AbortSignal): Promise<void> {
    const gone = signal === undefined ? [] : [untilAborted(signal)];
    while (signal?.aborted !== true) { // Ends with the last fault, or with the call.
      const faults = [...this.#faults.keys()];
      if (faults.some(({ refuses }) => refuses)) throw refusal();
      const [fault] = faults;
      if (fault === undefined) return;
      await Promise.race([fault.over, ...gone]);
    }
  }

  /** Puts the faults in front of all methods. Streams that are open stay so, as those of an etcd without a leader. */
  readonly intercept = (methods: MethodTable): MethodTable => {
    return new Map([...methods].map(([path, method]) => [path, this.#behind(method)]));
  };

  #behind(method: Method): Method {
    const refusal = () => new EtcdError("timeout");
    if (method.kind === "unary") {
      return {
        kind: method.kind,
        handle: async (request, context) => {
          await this.pass(refusal, context.signal);
          return await method.handle(request, context);
        },
      };
    }
    return {
      kind: method.kind,
      handle: async (call) => {
        await this.pass(refusal, call.signal);
        await method.handle(call);
      },
    };
  }

  /** Puts the faults in front of the module's stores too: for what goes on by itself, or in streams that are open. */
  before(module: BackendModule): BackendModule {
    return { ...module, open: async (...args) => this.#guard(await module.open(...args)) };
  }

  #guard(backend: Backend): Backend {
    return new Proxy(backend, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name === "close" || name === "changes") return value.bind(target);
        return async (...args: unknown[]) => {
          await this.pass(() => new BackendError("unavailable", "an outage, made by a test"));
          return await value.apply(target, args);
        };
      },
    });
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
