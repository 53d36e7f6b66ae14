/**
 * The thread of a backend in a sandbox: loads the module, opens its store, and does for it what the server asks. Deno
 * keeps the module within the permissions that the Worker was made with; what is taken away here besides (the environment,
 * the server's arguments, the standard streams, the ways to end, what Deno asks no permission for) is for modules that mean
 * no harm: one that does may take it back, and docs/backends.md says how far it gets then.
 */

import process from "node:process";
import type { BackendModule } from "../contract.ts";
import { messageOf } from "../message_of.ts";
import { BEAT_MS, type FromWorker, type ModulePlace, type ToWorker } from "./protocol.ts";
import { ServedBackend } from "./served_backend.ts";

/** The part of a Worker's global scope that is used here; the types of Deno name the window's. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer: readonly ArrayBuffer[]): void;
  addEventListener(type: string, listener: (event: Event) => void): void;
}
const scope = globalThis as unknown as WorkerScope;
// Kept, for a module may put something else in its place.
const postMessage = scope.postMessage.bind(scope);

function send(message: FromWorker, buffers: readonly ArrayBuffer[] = []): void {
  postMessage(message, buffers);
}

function confine(): void {
  // Packages look for settings there as they load, and a refusal would end them.
  process.env = {};
  const logged = (...words: readonly unknown[]) =>
    send({ type: "log", level: "debug", message: words.map(String).join(" "), fields: {} });
  const quiet = { log: logged, info: logged, warn: logged, error: logged, debug: logged };
  Object.assign(globalThis.console, quiet, { trace: logged, table: logged, dir: logged });
  const die = () => send({ type: "dying", reason: "the module ended its own thread" });
  const refuse = () => {
    throw new Deno.errors.NotCapable("a backend sends no signals");
  };
  const closed = new WritableStream();
  const stream = { writable: closed, write: () => Promise.resolve(0), writeSync: () => 0 };
  for (
    const [target, name, value] of [
      [globalThis, "close", die],
      // It writes to the disk, and Deno asks for no permission.
      [globalThis, "caches", undefined],
      [Deno, "args", []],
      [Deno, "exit", die],
      // Of all processes one's own may be signaled without a permission: the server.
      [Deno, "kill", refuse],
      [Deno, "stdout", stream],
      [Deno, "stderr", stream],
      [process, "argv", ["rhino"]],
      [process, "exit", die],
      [process, "kill", refuse],
      [process, "reallyExit", die],
      [process, "stdout", null],
      [process, "stderr", null],
    ] as const
  ) Object.defineProperty(target, name, { value });
}

function reportDeath(): void {
  scope.addEventListener("error", (event) => {
    event.preventDefault();
    const { error, message } = event as ErrorEvent;
    send({ type: "dying", reason: `uncaught exception: ${messageOf(error ?? message)}` });
  });
  scope.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    const { reason } = event as PromiseRejectionEvent;
    send({ type: "dying", reason: `unhandled rejection: ${messageOf(reason)}` });
  });
}

async function load(place: ModulePlace): Promise<BackendModule> {
  if (place.kind === "foreign") return await import(place.specifier);
  const { builtInModule } = await import("../registry.ts");
  return await builtInModule(place.scheme);
}

let served: ServedBackend | null = null;

scope.onmessage = async ({ data }) => {
  if (data.type !== "load") return served?.handle(data);
  try {
    for (const name of data.env) {
      const value = Deno.env.get(name);
      if (value !== undefined) process.env[name] = value;
    }
    const module = await load(data.place);
    served = new ServedBackend(module, send);
    send({
      type: "loaded",
      exports: {
        contractVersion: typeof module.contractVersion === "number" ? module.contractVersion : null,
        hasOpen: typeof module.open === "function",
        hasRemove: typeof module.remove === "function",
      },
    });
  } catch (error) {
    send({ type: "unloadable", message: messageOf(error) });
  }
};

confine();
reportDeath();
setInterval(() => {
  const { heapUsed, external } = Deno.memoryUsage();
  send({ type: "beat", bytes: heapUsed + external });
}, BEAT_MS);
send({ type: "ready" });
