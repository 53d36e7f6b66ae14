/**
 * What a server needs of its machine, from its configuration. The rights of a store are its backend's to tell; all others
 * are here. What is not listed, it never touches: no programs, no libraries, no other files, variables and addresses.
 */

import { isIP } from "node:net";
import { dirname, resolve } from "node:path";
import type { Rights, Surroundings } from "../../backends/contract.ts";
import { rightsOf, schemeOf } from "../../backends/registry.ts";
import { parseTokenOptions } from "../auth/token_options.ts";
import { addressOf, isUnix } from "../client_urls.ts";
import { type Config, type ListenUrl, LOG_STREAMS } from "../config.ts";
import { autoTlsFolder, dataFolderOf } from "../data_folder.ts";
import { notifySocketIn, ownTemporaryFolder } from "../temporary_folder.ts";
import { codeRights, sandboxRights } from "./code_rights.ts";

type SysKind = NonNullable<Deno.SysPermissionDescriptor["kind"]>;

/** What Deno calls them; each entry as the flag of the name takes it. */
export interface Permissions extends Rights {
  readonly sys: readonly SysKind[];
  /** Hosts that code is fetched from. */
  readonly import: readonly string[];
}

/** What is around the server, to be asked for links, folders and variables. */
export interface ServerSurroundings extends Surroundings {
  readonly isFolder: (path: string) => boolean;
  /** All addresses of a name; none of one that nobody knows. */
  readonly lookup: (name: string) => Promise<readonly string[]>;
  /** The system's folder for files that do not last. */
  readonly temporary: string;
}

/** Code of a thread; Deno reads it as a file. */
const PASSWORD_THREAD = new URL("../auth/bcrypt_worker.ts", import.meta.url);

/** Where settings may stand; see `src/cli/environment.ts`. */
export const SETTINGS_VARIABLES = ["RHINO_*", "ETCD_*", "KINE_*"] as const;

/** Of these, the first that is set names the folder for files that do not last. */
const TEMPORARY_VARIABLES = ["TMPDIR", "TMP", "TEMP"] as const;

/** Rights of one part, where it has any. */
export type Part = Partial<Permissions>;

/** @throws {BackendError} `unusable` if the endpoint is malformed */
export async function permissionsOf(
  config: Config,
  around: ServerSurroundings,
): Promise<Permissions> {
  return joined([
    // Its name stands in the list of members.
    { sys: ["hostname"] },
    ...await Promise.all(allUrls(config).map((url) => listenRights(url, around))),
    await rightsOf(config, around),
    ...sandboxRights(config),
    readRights(tlsFiles(config)),
    readRights(keyFiles(config)),
    autoTlsRights(config),
    logRights(config, around),
    temporaryRights(config, around),
    notifyRights(config, around),
    codeRights(PASSWORD_THREAD),
  ]);
}

/** All lists as one; what lies in a folder of the list needs no entry of its own. */
export function joined(parts: readonly Part[]): Permissions {
  const list = <Kind extends keyof Permissions>(kind: Kind) => [
    ...new Set(parts.flatMap((part): readonly Permissions[Kind][number][] => part[kind] ?? [])),
  ];
  return {
    net: list("net"),
    read: withoutInner(list("read")),
    write: withoutInner(list("write")),
    env: list("env"),
    sys: list("sys"),
    import: list("import"),
  };
}

function withoutInner(paths: readonly string[]): string[] {
  const isIn = (path: string, folder: string) =>
    resolve(path).startsWith(resolve(folder).replace(/\/?$/, "/"));
  return paths.filter((path, at) =>
    !paths.some((other, otherAt) =>
      isIn(path, other) || (otherAt < at && resolve(other) === resolve(path))
    )
  );
}

function allUrls(config: Config): ListenUrl[] {
  return [
    ...config.listenClientUrls,
    ...config.listenClientHttpUrls,
    ...config.listenMetricsUrls,
  ];
}

/** To listen at a name takes a right to the address that it stands for, too. */
async function listenRights(url: ListenUrl, { lookup }: ServerSurroundings): Promise<Part> {
  if (isUnix(url)) return socketRights(url.host);
  const { host, port } = url;
  if (isIP(host) !== 0) return { net: [addressOf(url)] };
  // Deno looks a name up for any port where the port is to be any.
  const name = port === 0 ? host : addressOf(url);
  const addresses = await lookup(host);
  return { net: [name, ...addresses.map((address) => addressOf({ host: address, port }))] };
}

/** Deno wants all three, and the path of `net` to be absolute. */
function socketRights(path: string): Part {
  return { net: [`unix:${resolve(path)}`], read: [path], write: [path] };
}

function readRights(paths: readonly string[]): Part {
  return { read: paths.filter((path) => path !== "") };
}

function tlsFiles(config: Config): string[] {
  const isUsed = allUrls(config).some(isSecure);
  const { certFile, keyFile, trustedCaFile, clientCrlFile } = config;
  return isUsed ? [certFile, keyFile, trustedCaFile, clientCrlFile] : [];
}

function isSecure({ scheme }: ListenUrl): boolean {
  return scheme === "https" || scheme === "unixs";
}

/** Of JWT. What is wrong in the text, the start will tell. */
function keyFiles({ authToken }: Config): string[] {
  try {
    const { kind, options } = parseTokenOptions(authToken);
    return kind === "jwt" ? [options.get("pub-key") ?? "", options.get("priv-key") ?? ""] : [];
  } catch {
    return [];
  }
}

function autoTlsRights(config: Config): Part {
  const isUsed = config.autoTls && config.certFile === "" && allUrls(config).some(isSecure);
  if (!isUsed) return {};
  const folder = autoTlsFolder(dataFolderOf(config.endpoint));
  return { read: [folder], write: [folder] };
}

/** A file alone where its folder is there; files that are put aside need the folder. */
function logRights(
  { logOutputs, logRotation }: Config,
  { isFolder }: ServerSurroundings,
): Part {
  const files = logOutputs.filter((output) => !LOG_STREAMS.some((stream) => stream === output));
  const folders = files.map((file) => dirname(file));
  if (logRotation !== null) return { read: folders, write: folders };
  return { write: files.map((file) => isFolder(dirname(file)) ? file : dirname(file)) };
}

/** Snapshots of a store that has no folder of its own are made there. */
function temporaryRights(config: Config, around: ServerSurroundings): Part {
  return schemeOf(config.endpoint) === "sqlite" ? {} : ownFolderRights(config, around);
}

function ownFolderRights(config: Config, { temporary, env }: ServerSurroundings): Part {
  const folder = ownTemporaryFolder(temporary, config);
  const variable = TEMPORARY_VARIABLES.find((name) => env(name)) ?? TEMPORARY_VARIABLES[0];
  return { read: [folder], write: [folder], env: [variable] };
}

/** systemd's socket, and the one that it is written to from. */
function notifyRights(config: Config, around: ServerSurroundings): Part {
  const name = "NOTIFY_SOCKET";
  const socket = around.env(name) ?? "";
  // One without a file cannot be named in a flag.
  if (socket === "" || socket.startsWith("@")) return { env: [name] };
  const own = notifySocketIn(ownTemporaryFolder(around.temporary, config));
  return joined([
    { env: [name] },
    { net: [`unix:${resolve(socket)}`], write: [socket] },
    socketRights(own),
    ownFolderRights(config, around),
  ]);
}
