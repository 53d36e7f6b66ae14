/** The certificate that a server makes for itself where it was given none, kept where etcd keeps it. */

import { createPrivateKey, randomUUID, X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { isUnix } from "./client_urls.ts";
import type { ListenUrl } from "./config.ts";
import { autoTlsFolder } from "./data_folder.ts";
import type { Log } from "./log.ts";
import { makeSelfSigned } from "./transport/tls/self_signed.ts";

export interface AutoTlsOptions {
  /** Where the data lies; see `autoTlsFolder`. */
  readonly dataFolder: string;
  readonly urls: readonly ListenUrl[];
  readonly validityYears: number;
  readonly nowMs: number;
  readonly log: Log;
}

export interface AutoTlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * The files of the certificate of an earlier start, unless it has expired, or of a new one. Servers that share the folder
 * share the certificate, also if they start in the same instant.
 *
 * @throws {Error} with one line if they cannot be written.
 */
export function autoTlsFiles(options: AutoTlsOptions): AutoTlsFiles {
  const folder = autoTlsFolder(options.dataFolder);
  const files = { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem") };
  if (isUsable(files, options.nowMs)) return files;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // The two files are replaced one after the other: in turns, or those of two servers would mix. A lock goes with its
    // process, however that ends, and is held for milliseconds.
    using turn = Deno.openSync(join(folder, "lock"), { create: true, write: true, mode: 0o600 });
    turn.lockSync(true);
    if (isUsable(files, options.nowMs)) return files;
    const { cert, key } = makeSelfSigned({ ...options, hosts: hostsOf(options.urls) });
    write(files.keyFile, { text: key, mode: 0o600 });
    write(files.certFile, { text: cert, mode: 0o644 });
  } catch (cause) {
    throw new Error(`--auto-tls: cannot write the certificate to ${folder}`, { cause });
  }
  options.log("warn", "made a certificate for this server", { ...files });
  return files;
}

function isUsable({ certFile, keyFile }: AutoTlsFiles, nowMs: number): boolean {
  try {
    const cert = new X509Certificate(readFileSync(certFile));
    const key = createPrivateKey(readFileSync(keyFile));
    // Not of one pair: another server is replacing them, or was ended while it did.
    return cert.checkPrivateKey(key) && cert.validToDate.getTime() > nowMs;
  } catch {
    // Missing or broken: it is made anew.
    return false;
  }
}

/** Whole or not at all, should the server be ended meanwhile. */
function write(path: string, { text, mode }: { text: string; mode: number }): void {
  const part = `${path}.${randomUUID()}`;
  writeFileSync(part, text, { mode });
  chmodSync(part, mode);
  renameSync(part, path);
}

/** What clients may call the server; where it listens everywhere, what it is called on its own machine too. */
function hostsOf(urls: readonly ListenUrl[]): string[] {
  const hosts = urls.filter((url) => !isUnix(url)).map(({ host }) => host);
  const isEverywhere = hosts.includes("0.0.0.0") || hosts.includes("::");
  const own = isEverywhere ? [hostname(), "localhost", "127.0.0.1", "::1"] : [];
  return [...new Set([...hosts, ...own])];
}
