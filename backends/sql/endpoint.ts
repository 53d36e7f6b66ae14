/**
 * From `scheme://user:password@host1:port1,host2:port2/database?parameters` to its parts, percent-decoded. Several hosts
 * are tried in order. No message of an error repeats the endpoint, for it may hold a password.
 */

import { BackendError } from "../contract.ts";
import { messageOf } from "../message_of.ts";
import { type Machine, THIS_MACHINE } from "./machine.ts";

export interface HostPort {
  /** Without the brackets of IPv6. A folder, for a Unix socket, begins with a slash. */
  readonly host: string;
  readonly port: number;
}

export interface Endpoint {
  readonly user: string | null;
  readonly password: string | null;
  /** At least one. */
  readonly hosts: readonly HostPort[];
  readonly database: string | null;
  readonly parameters: UrlParameters;
}

/** URL parameters. Those that nobody has taken are unknown. */
export interface UrlParameters {
  take(name: string): string | null;
  /** Takes one that is to be a whole number of at least `min`. */
  takeNumber(name: string, min: number): number | null;
  /** Takes one that must be among some. */
  takeOneOf<T extends string>(name: string, values: readonly T[]): T | null;
  /** Names that were not taken. */
  rest(): string[];
}

export interface EndpointDefaults {
  readonly host: string;
  readonly port: number;
  /** The environment's variable that names the password if the endpoint does not. */
  readonly passwordVariable: string;
}

/** @throws {BackendError} `unusable`, with one clear line */
export function parseEndpoint(
  endpoint: string,
  defaults: EndpointDefaults,
  machine: Machine = THIS_MACHINE,
): Endpoint {
  const match = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i.exec(endpoint);
  if (match === null) {
    throw unusable(
      "it is not of the form scheme://user:password@host:port/database?parameters " +
        '(in user and password, "/", "?", "#" and "%" must be percent-encoded)',
    );
  }
  const [, authority = "", path = "", query = ""] = match;
  // The last, for a careless password may hold more of them.
  const at = authority.lastIndexOf("@");
  const { user, password } = parseUser(authority.slice(0, Math.max(0, at)));
  const parameters = parseParameters(query);
  const hosts = authority.slice(at + 1).split(",").map((text) => parseHost(text, defaults));
  const passwordFile = parameters.take("password_file");
  return {
    user,
    password: password ??
      (passwordFile === null
        ? machine.env(defaults.passwordVariable) ?? null
        : readSecret(passwordFile, machine)),
    hosts,
    database: path === "" ? null : decode(path, "the database's name"),
    parameters,
  };
}

function parseUser(text: string): { user: string | null; password: string | null } {
  if (text === "") return { user: null, password: null };
  const colon = text.indexOf(":");
  const user = decode(colon < 0 ? text : text.slice(0, colon), "the user's name");
  const password = colon < 0 ? null : decode(text.slice(colon + 1), "the password");
  return { user: user === "" ? null : user, password };
}

/** `host`, `host:port`, `[IPv6]`, `[IPv6]:port`. */
export function parseHost(text: string, defaults: HostPort): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[3] === undefined ? defaults.port : Number(match[3]);
  if (match === null || port < 1 || port > 65_535) {
    // What stands there may be the rest of a password that was not encoded.
    throw unusable("a host in it is not of the form host:port, or its port is none");
  }
  const host = decode(match[1] ?? match[2] ?? "", "a host");
  return { host: host === "" ? defaults.host : host, port };
}

function parseParameters(query: string): UrlParameters {
  const left = new Map<string, string>();
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const [name = "", ...value] = pair.split("=");
    left.set(decode(name, "a parameter"), decode(value.join("="), `parameter "${name}"`));
  }
  const take = (name: string): string | null => {
    const value = left.get(name) ?? null;
    left.delete(name);
    return value;
  };
  return {
    take,
    takeNumber(name, min) {
      const text = take(name);
      if (text === null) return null;
      const value = Number(text);
      if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
      throw unusable(`parameter "${name}" must be a whole number of at least ${min}`);
    },
    takeOneOf(name, values) {
      const text = take(name);
      if (text === null) return null;
      const found = values.find((value) => value === text);
      if (found !== undefined) return found;
      throw unusable(`parameter "${name}" must be one of ${values.join(", ")}`);
    },
    rest: () => [...left.keys()],
  };
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unusable(
      `${what} holds a "%" that is not followed by two hexadecimal digits (write %25)`,
    );
  }
}

/** The content of a file that holds a secret, without the end of its last line. */
function readSecret(path: string, machine: Machine): string {
  try {
    return machine.readFile(path).replace(/\r?\n$/, "");
  } catch (error) {
    const reason = messageOf(error);
    throw unusable(`the password file "${path}" cannot be read: ${reason}`);
  }
}

function unusable(reason: string): BackendError {
  return new BackendError("unusable", `Cannot use the endpoint: ${reason}`);
}
