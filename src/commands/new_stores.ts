/**
 * New stores at one endpoint, one after the other, for the conformance suite. Nothing is removed that the suite has not made:
 * the store must be new when it is first opened, and nobody else may be there when it is removed.
 */

import {
  ConformanceStopped,
  SUITE_MEMBERS,
  type TestStore,
  within,
} from "../../backends/conformance/mod.ts";
import {
  type Backend,
  BackendError,
  type BackendModule,
  type OpenOptions,
} from "../../backends/contract.ts";
import { LEASE_GAP_MS } from "../limits.ts";

/** How long ago another server may have announced itself to count as being there. */
const ALIVE_MS = 60_000;
/** More than any store needs to be opened, and to be removed. */
const LOOK_MS_MAX = 90_000;

export interface StorePlace {
  readonly module: BackendModule;
  readonly endpoint: string;
}

/**
 * Looks whether there is a place for new stores.
 *
 * @throws {BackendError} if the store cannot be opened
 * @throws {Error} if it is not new, or if nobody can remove it
 */
export async function createNewStores(
  { module, endpoint }: StorePlace,
): Promise<{ createStore(): Promise<TestStore> }> {
  const { remove } = module;
  if (remove === undefined) {
    throw new Error(
      "the backend's module has no `remove`, by which the suite gets a new store for each fact: " +
        "add it, or run the suite as tests with `testBackend`",
    );
  }
  const removeStore = (options: OpenOptions) => module.remove?.(endpoint, options);
  const options = firstOptions();
  const look = async () => {
    await closing(await module.open(endpoint, options), assertNew);
    await removeStore(options);
  };
  await within(look(), LOOK_MS_MAX, "looking for a place for new stores");
  return { createStore: () => Promise.resolve(newStore({ module, endpoint }, removeStore)) };
}

function firstOptions(): OpenOptions {
  return {
    maxConnections: 2,
    createSchema: true,
    leaseGapMs: LEASE_GAP_MS,
    now: Date.now,
    randomId: () => crypto.getRandomValues(new BigUint64Array(1))[0] || 1n,
    log: () => {},
  };
}

function newStore(
  { module, endpoint }: StorePlace,
  remove: (options: OpenOptions) => Promise<void> | undefined,
): TestStore {
  let isOpened = false;
  return {
    async open(options) {
      const backend = await module.open(endpoint, options);
      if (isOpened) return backend;
      isOpened = true;
      try {
        await assertNew(backend);
      } catch (error) {
        await backend.close();
        throw error;
      }
      return backend;
    },
    async remove() {
      const options = firstOptions();
      await assertAlone(module, { endpoint, options });
      await remove(options);
    },
  };
}

/** @throws {ConformanceStopped} if anything was ever written, or somebody is there */
async function assertNew(backend: Backend): Promise<void> {
  const { index, revision } = await backend.head();
  if (index === 0 && revision === 1) return await assertNobodyElse(backend);
  throw new ConformanceStopped(
    `the store is not new: it stands at revision ${revision}. ` +
      "Nothing was changed; name a store that is not there yet",
  );
}

/** A backend that fails to open has nothing to tell; the store is the suite's all the same. */
async function assertAlone(
  module: BackendModule,
  { endpoint, options }: { readonly endpoint: string; readonly options: OpenOptions },
): Promise<void> {
  let backend: Backend;
  try {
    backend = await module.open(endpoint, options);
  } catch (error) {
    if (error instanceof BackendError) return;
    throw error;
  }
  await closing(backend, async () => {
    if (!backend.capabilities.exclusive) await assertNobodyElse(backend);
  });
}

/** @throws {ConformanceStopped} if a server is there that is not the suite's */
async function assertNobodyElse(backend: Backend): Promise<void> {
  const { randomId } = firstOptions();
  const own = { id: randomId(), info: new Uint8Array() };
  const { members } = await backend.announce(own, ALIVE_MS);
  await backend.leave(own.id);
  const others = members.filter(({ id }) =>
    id !== own.id && !SUITE_MEMBERS.some((known) => known === id)
  );
  if (others.length === 0) return;
  throw new ConformanceStopped(
    `another server has the store open (member ${others[0]?.id.toString(16)}). ` +
      "Nothing was removed; name a store that nobody uses",
  );
}

async function closing(
  backend: Backend,
  look: (backend: Backend) => Promise<void>,
): Promise<void> {
  try {
    await look(backend);
  } finally {
    await backend.close();
  }
}
