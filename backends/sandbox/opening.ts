/** From a module to an open store in a Worker, with one clear line for each way in which that fails. */

import { BackendError, CONTRACT_VERSION, type OpenOptions, type Rights } from "../contract.ts";
import { BrokenPromise, capabilitiesOf, fieldsOf, truth, unsignedId } from "./checked_shapes.ts";
import { permissionsOf } from "./permissions.ts";
import type { Exports, ModulePlace, Opened, SentOptions } from "./protocol.ts";
import { deniedBy } from "./refusals.ts";
import { LinkDown, WorkerLink } from "./worker_link.ts";

/** A store in a sandbox, before it is open. */
export interface SandboxedStore {
  /** The backend's name for messages: its scheme. */
  readonly name: string;
  readonly place: ModulePlace;
  /** Where the module came from, for messages; empty for one of Rhino's own. */
  readonly origin: string;
  readonly endpoint: string;
  readonly rights: Rights;
}

/** What the heap and the buffers of a foreign module may take. Deno would end the whole process at some point above. */
const FOREIGN_BYTES_MAX = 2 ** 30;

export interface OpenLink {
  readonly link: WorkerLink;
  readonly opened: Opened;
}

/**
 * Starts a Worker, loads the module, and opens the store.
 *
 * @param died is told when the Worker ends by itself after it was opened
 * @throws {BackendError} `unusable`, with one line
 */
export async function openLink(
  store: SandboxedStore,
  options: OpenOptions,
  died: (reason: string) => void,
): Promise<OpenLink> {
  let isOpen = false;
  const link = startWorker(store, options, (reason) => isOpen && died(reason));
  try {
    const exports = await loadedExports(link, store);
    checkExports(exports, store);
    const value = { endpoint: store.endpoint, options: sentOptions(options) };
    const opened = checkedOpened(await link.call("open", { value, buffers: [] }), store);
    isOpen = true;
    return { link, opened };
  } catch (error) {
    link.end();
    throw openingError(error, store);
  }
}

/** Looks into the module. @throws {BackendError} `unusable` if it is none that can be used */
export async function inspect(store: SandboxedStore, options: OpenOptions): Promise<Exports> {
  const link = startWorker(store, options, () => {});
  try {
    const exports = await loadedExports(link, store);
    checkExports(exports, store);
    return exports;
  } finally {
    link.end();
  }
}

/** Calls the module's `remove`. @throws {BackendError} `unusable` if it has none, or fails */
export async function removeInSandbox(store: SandboxedStore, options: OpenOptions): Promise<void> {
  const link = startWorker(store, options, () => {});
  try {
    const { hasRemove } = await loadedExports(link, store);
    if (!hasRemove) throw unusable(`${titleOf(store)} cannot remove a store`);
    const value = { endpoint: store.endpoint, options: sentOptions(options) };
    await link.call("remove", { value, buffers: [] });
  } catch (error) {
    throw openingError(error, store);
  } finally {
    link.end();
  }
}

function startWorker(
  { name, place, rights }: SandboxedStore,
  { log, onStatement }: OpenOptions,
  died: (reason: string) => void,
): WorkerLink {
  return new WorkerLink({
    place,
    permissions: permissionsOf(rights),
    log: (level, message, fields) => log(level, message, { ...fields, backend: name }),
    onStatement,
    bytesMax: place.kind === "foreign" ? FOREIGN_BYTES_MAX : Infinity,
    died,
  });
}

async function loadedExports(link: WorkerLink, store: SandboxedStore): Promise<Exports> {
  try {
    return await link.exports;
  } catch (error) {
    if (!(error instanceof LinkDown)) throw error;
    throw unusable(`Cannot load ${titleOf(store)}: ${loadFailure(error.message)}`);
  }
}

/** Deno's text, without its place in a blob that nobody knows. */
function loadFailure(message: string): string {
  const denied = deniedBy(message);
  if (denied !== undefined) return denied;
  const text = message.replace(/\s+at blob:.*$/s, "").replace(/\s*\n[\s\S]*$/, "");
  const syntax = /^(?:Uncaught )?SyntaxError: (.*)$/.exec(text);
  return syntax === null ? text : `it is not JavaScript or TypeScript (${syntax[1]})`;
}

function checkExports({ contractVersion, hasOpen }: Exports, store: SandboxedStore): void {
  const title = titleOf(store);
  if (!hasOpen) throw unusable(`Cannot use ${title}: it exports no function "open"`);
  if (contractVersion === CONTRACT_VERSION) return;
  const found = typeof contractVersion === "number"
    ? `it was written for version ${contractVersion} of the contract, and this Rhino has`
    : "it exports no contractVersion, and this Rhino has version";
  throw unusable(`Cannot use ${title}: ${found} ${CONTRACT_VERSION}`);
}

function checkedOpened(value: unknown, { place }: SandboxedStore): Opened {
  const fields = fieldsOf(value, "open");
  const { folder } = fields;
  return {
    capabilities: capabilitiesOf(fields["capabilities"]),
    clusterId: unsignedId(fields["clusterId"], "clusterId"),
    // A foreign module must not say where the server shall put files.
    folder: place.kind === "built-in" && typeof folder === "string" ? folder : null,
    hasTurn: truth(fields["hasTurn"], "hasTurn"),
  };
}

function openingError(error: unknown, store: SandboxedStore): unknown {
  if (error instanceof BackendError) {
    return error.kind === "unusable" ? error : unusable(error.message);
  }
  if (error instanceof LinkDown || error instanceof BrokenPromise) {
    const reason = deniedBy(error.message) ?? error.message;
    return unusable(`Cannot open the store with ${titleOf(store)}: ${reason}`);
  }
  return error;
}

function titleOf({ name, origin }: SandboxedStore): string {
  return origin === "" ? `the backend ${name}` : `the backend ${name} from ${origin}`;
}

function sentOptions(
  { maxConnections, createSchema, leaseGapMs, unsafeNoSync = false, onStatement }: OpenOptions,
): SentOptions {
  const wantsStatements = onStatement !== undefined;
  return { maxConnections, createSchema, leaseGapMs, unsafeNoSync, wantsStatements };
}

function unusable(message: string): BackendError {
  return new BackendError("unusable", message);
}
