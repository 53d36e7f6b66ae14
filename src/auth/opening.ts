/** The authority as the operator has configured it. */
import { randomBytes } from "node:crypto";
import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import type { Store } from "../mvcc/store.ts";
import { Authority } from "./authority.ts";
import { type Jwt, NO_TOKENS, openJwt } from "./jwt.ts";
import { parseTokenOptions } from "./token_options.ts";

export interface OpeningOptions {
  readonly store: Store;
  readonly config: Pick<Config, "authToken" | "authTokenTtlMs" | "clientCertAuth">;
  /** Milliseconds, for waiting only. */
  readonly now: () => number;
  readonly log: Log;
}

/** @throws {RangeError} with one line about what is wrong with the kind of tokens, or their keys */
export function openAuthority({ store, config, now, log }: OpeningOptions): Promise<Authority> {
  return Authority.open({
    store,
    tokens: { ttlMs: config.authTokenTtlMs, now, randomBytes, log },
    jwt: openSigner(config.authToken, log),
    clientCertAuth: config.clientCertAuth,
  });
}

/** What signs tokens and reads them; undefined where tokens are kept in the store. */
function openSigner(authToken: string, log: Log): Jwt | undefined {
  const { kind } = parseTokenOptions(authToken);
  switch (kind) {
    case "simple":
      return undefined;
    case "jwt":
      return openJwt(authToken, { log });
    case "":
      return NO_TOKENS;
    default:
      throw new RangeError(`Invalid --auth-token: unknown kind "${kind}": expected simple or jwt`);
  }
}
