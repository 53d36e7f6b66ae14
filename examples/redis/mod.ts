/** A store of Rhino's in Redis. README.md says how to use it and what Redis promises. */

import { RedisBackend } from "./backend.ts";
import { parseEndpoint } from "./endpoint.ts";
import { describe } from "./errors.ts";
import { type Backend, BackendError, type OpenOptions } from "./kit.ts";
import { connect, type Connection } from "./link.ts";
import { checkServer, openStore, warnOfLoss } from "./opening.ts";
import { storeKeys } from "./scripts.ts";

/** The version of Rhino's contract that this backend was written for. */
export const contractVersion = 1;

/**
 * Opens the store that the endpoint names, making it where there is none.
 *
 * @throws {BackendError} `unusable`, with one clear line
 */
export async function open(text: string, options: OpenOptions): Promise<Backend> {
  const endpoint = parseEndpoint(text);
  const first = await firstConnection(text);
  try {
    await warnOfLoss(first, options);
    const { clusterId } = await openStore(first, { endpoint, options });
    return new RedisBackend({
      endpoint,
      first,
      clusterId,
      connectListener: () => connect(endpoint, checkServer),
      options,
    });
  } catch (error) {
    first.destroy();
    throw asUnusable(error);
  }
}

/**
 * Removes the store of the endpoint; only for tests.
 *
 * @throws {BackendError} `unusable` if it cannot be reached
 */
export async function remove(text: string, _options: OpenOptions): Promise<void> {
  const connection = await firstConnection(text);
  try {
    await connection.command(["UNLINK", ...storeKeys(parseEndpoint(text).prefix)]);
  } catch (error) {
    throw asUnusable(error);
  } finally {
    connection.destroy();
  }
}

async function firstConnection(text: string): Promise<Connection> {
  try {
    return await connect(parseEndpoint(text), checkServer);
  } catch (error) {
    throw asUnusable(error);
  }
}

function asUnusable(error: unknown): BackendError {
  if (error instanceof BackendError && error.kind === "unusable") return error;
  return new BackendError("unusable", describe(error), { cause: error });
}
