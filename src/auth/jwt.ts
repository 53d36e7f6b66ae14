/**
 * Tokens that carry their own proof: signed JSON (JWT), of etcd's shape. Whoever has the key can make and check them, so
 * nothing is stored; a token ends by its time or when the revision of the authentication moves on.
 */

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { EtcdError, GRPC, StatusError } from "../errors.ts";
import { JWT_LENGTH_MAX, JWT_REMEMBERED_MAX } from "../limits.ts";
import type { Log } from "../log.ts";
import { type JwtSigner, makeSigner } from "./jwt_methods.ts";
import { parseGoDurationMs, parseTokenOptions } from "./token_options.ts";

/** Whom a token speaks for, and as of which revision of the authentication. */
export interface TokenClaims {
  readonly user: string;
  readonly revision: bigint;
}

export interface Jwt {
  /** False with a public key alone. */
  readonly canSign: boolean;
  /** @throws {StatusError} as etcd's, if it cannot */
  sign(claims: TokenClaims): string;
  /** undefined for whatever is not a token that holds now. */
  verify(token: string): TokenClaims | undefined;
}

export interface JwtContext {
  /** Time of day; default: the system's. */
  readonly now?: () => number;
  readonly log?: Log;
}

const DEFAULT_TTL_MS = 5 * 60 * 1_000;
const KNOWN_OPTIONS = new Set(["sign-method", "pub-key", "priv-key", "ttl"]);

/**
 * Reads the text of `--auth-token` (`jwt,sign-method=RS256,pub-key=FILE,priv-key=FILE,ttl=5m`) and its files.
 *
 * @throws {RangeError} with one line about what is wrong
 */
export function openJwt(authTokenText: string, context: JwtContext = {}): Jwt {
  const { options } = parseTokenOptions(authTokenText);
  const unknown = [...options.keys()].filter((name) => !KNOWN_OPTIONS.has(name));
  if (unknown.length > 0) {
    context.log?.("warn", "Unknown options in --auth-token", { options: unknown });
  }
  const ttlText = options.get("ttl") || undefined;
  const ttlMs = ttlText === undefined ? DEFAULT_TTL_MS : parseGoDurationMs(ttlText);
  if (ttlMs === undefined) {
    throw new RangeError(
      `Invalid --auth-token: ttl is "${ttlText}": expected a duration such as 5m`,
    );
  }
  const publicKey = readOptional("pub-key", options);
  const privateKey = readOptional("priv-key", options);
  const method = options.get("sign-method") ?? "";
  try {
    const signer = makeSigner(method, { publicKey, privateKey });
    return new SignedTokens({ method, ttlMs, signer, now: context.now ?? Date.now });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new RangeError(`Invalid --auth-token: ${cause.message}`, { cause: cause.cause });
  }
}

function readOptional(
  name: "pub-key" | "priv-key",
  options: ReadonlyMap<string, string>,
): Uint8Array | undefined {
  const path = options.get(name) || undefined;
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new RangeError(`Invalid --auth-token: ${name}: cannot read ${path}`, { cause });
  }
}

interface SignedTokensOptions {
  readonly method: string;
  readonly ttlMs: number;
  readonly signer: JwtSigner;
  readonly now: () => number;
}

/** What a token says, and from when until when. */
interface Statement extends TokenClaims {
  readonly fromMs: number;
  readonly untilMs: number;
}

class SignedTokens implements Jwt {
  readonly #options: SignedTokensOptions;
  readonly #header: string;
  /** Tokens whose signature was found good; the key never changes. */
  readonly #verified = new Map<string, Statement>();

  constructor(options: SignedTokensOptions) {
    this.#options = options;
    this.#header = encodeJson({ alg: options.method, typ: "JWT" });
  }

  get canSign(): boolean {
    return this.#options.signer.sign !== undefined;
  }

  sign({ user, revision }: TokenClaims): string {
    const { signer, now, ttlMs } = this.#options;
    if (signer.sign === undefined) {
      throw new StatusError(
        GRPC.UNKNOWN,
        "auth: token signing attempted with verify-only key",
      );
    }
    const exp = Math.floor((now() + ttlMs) / 1_000);
    const claims = encodeJson({ exp, revision: Number(revision), username: user });
    const text = `${this.#header}.${claims}`;
    return `${text}.${Buffer.from(signer.sign(text)).toString("base64url")}`;
  }

  verify(token: string): TokenClaims | undefined {
    const statement = this.#verified.get(token) ?? this.#read(token);
    if (statement === undefined) return undefined;
    const nowMs = this.#options.now();
    if (nowMs < statement.fromMs) return undefined;
    if (nowMs >= statement.untilMs) {
      this.#verified.delete(token);
      return undefined;
    }
    return { user: statement.user, revision: statement.revision };
  }

  /** Checks the signature before it believes anything but the method's name. */
  #read(token: string): Statement | undefined {
    if (token.length > JWT_LENGTH_MAX) return undefined;
    const [header = "", claims = "", signature = "", ...rest] = token.split(".");
    if (rest.length > 0) return undefined;
    const { method, signer } = this.#options;
    // The method is the operator's choice; a token that asks for another one is refused, whatever it is.
    if (decodeJson(header)?.["alg"] !== method) return undefined;
    const bytes = decodeBase64(signature);
    if (bytes === undefined || !signer.verify(`${header}.${claims}`, bytes)) return undefined;
    const statement = toStatement(decodeJson(claims));
    if (statement !== undefined) this.#remember(token, statement);
    return statement;
  }

  #remember(token: string, statement: Statement): void {
    if (this.#verified.size >= JWT_REMEMBERED_MAX) {
      for (const [oldest] of this.#verified) {
        this.#verified.delete(oldest);
        break;
      }
    }
    this.#verified.set(token, statement);
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

const UINT64_LIMIT = 2 ** 64;

function toStatement(claims: JsonObject | undefined): Statement | undefined {
  if (claims === undefined) return undefined;
  const { username, revision, exp = 0, nbf = 0 } = claims;
  if (typeof username !== "string" || typeof revision !== "number") return undefined;
  if (typeof exp !== "number" || typeof nbf !== "number") return undefined;
  if (!(revision >= 0 && revision < UINT64_LIMIT)) return undefined;
  return {
    user: username,
    revision: BigInt(Math.trunc(revision)),
    // Whole seconds, and 0 is the same as none, as in etcd's library.
    fromMs: nbf === 0 ? -Infinity : Math.trunc(nbf) * 1_000,
    untilMs: exp === 0 ? Infinity : Math.trunc(exp) * 1_000,
  };
}

function encodeJson(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decodeJson(segment: string): JsonObject | undefined {
  const bytes = decodeBase64(segment);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === "object" && value !== null ? value as JsonObject : undefined;
  } catch {
    return undefined;
  }
}

/** Without padding, and nothing that does not belong there: Node's own decoder takes what it can. */
function decodeBase64(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined;
  return Buffer.from(text, "base64url");
}

/** For `--auth-token=`: nobody gets a token, and none is good, as in etcd. */
export const NO_TOKENS: Jwt = {
  canSign: true,
  sign() {
    throw new EtcdError("authFailed");
  },
  verify: () => undefined,
};
