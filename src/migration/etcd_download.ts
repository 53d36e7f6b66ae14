/** A snapshot of a running server: etcd, or whatever speaks its API. */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type ChannelCredentials, Client, credentials, Metadata } from "@grpc/grpc-js";
import {
  Auth,
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
} from "../../gen/etcdserverpb/auth_pb.ts";
import {
  Maintenance,
  SnapshotRequestSchema,
  SnapshotResponseSchema,
} from "../../gen/etcdserverpb/maintenance_pb.ts";
import { messageOf } from "../errors.ts";
import { SnapshotDownload, type SnapshotFile } from "./snapshot_file.ts";
import { MigrationError, type Report } from "./source.ts";

/** For the answer to a log-in. */
const LOGIN_MS_MAX = 15_000;
/** Without a byte for so long, the server is given up. A large store's file may take minutes to make. */
const SILENCE_MS_MAX = 600_000;

export interface EtcdServer {
  /** `http://HOST:PORT`, or `https:`. */
  readonly url: string;
  /** `NAME:PASSWORD`; empty for nobody. */
  readonly user: string;
  /** Paths of PEM files; empty for none. */
  readonly cacert: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * @param folder where the snapshot is kept while it is read
 * @throws {MigrationError} if the server cannot be reached, refuses, or sends no whole snapshot
 */
export async function downloadSnapshot(
  server: EtcdServer,
  { folder, report }: { readonly folder: string; readonly report: Report },
): Promise<SnapshotFile> {
  const { host, origin } = new URL(server.url);
  const client = new Client(host, credentialsOf(server), {
    "grpc.max_receive_message_length": -1,
    ...nameOf(server),
  });
  try {
    const metadata = await logIn(client, server);
    using download = new SnapshotDownload(folder);
    await receive(client, { metadata, download, report });
    return await download.open(`the snapshot of ${origin}`, report);
  } catch (error) {
    if (error instanceof MigrationError) throw error;
    const found = messageOf(error);
    throw new MigrationError(`cannot take a snapshot of ${origin}: ${found}`, { cause: error });
  } finally {
    client.close();
  }
}

function credentialsOf({ url, cacert, cert, key }: EtcdServer): ChannelCredentials {
  if (new URL(url).protocol === "http:") return credentials.createInsecure();
  const read = (path: string) => path === "" ? null : readPem(path);
  return credentials.createSsl(read(cacert), read(key), read(cert));
}

/**
 * Deno's TLS compares names only. Where the address is this machine's own, a certificate for `localhost` is as good.
 *
 * @throws {MigrationError} for any other address
 */
function nameOf({ url }: EtcdServer): { "grpc.ssl_target_name_override"?: string } {
  const { protocol, hostname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  if (protocol === "http:" || isIP(host) === 0) return {};
  if (/^(127\..*|::1)$/.test(host)) return { "grpc.ssl_target_name_override": "localhost" };
  throw new MigrationError(
    `cannot compare the certificate of ${host} with an address: name the server as its certificate does, ` +
      "or save a snapshot with etcdctl and name the file",
  );
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new MigrationError(`cannot read "${path}": ${messageOf(error)}`, { cause: error });
  }
}

/** What goes with each call. */
async function logIn(client: Client, { user }: EtcdServer): Promise<Metadata> {
  const metadata = new Metadata();
  if (user === "") return metadata;
  const colon = user.indexOf(":");
  const name = user.slice(0, colon);
  const password = user.slice(colon + 1);
  const request = create(AuthenticateRequestSchema, { name, password });
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  client.makeUnaryRequest(
    `/${Auth.typeName}/Authenticate`,
    asBuffer,
    (bytes) => bytes,
    toBinary(AuthenticateRequestSchema, request),
    metadata,
    { deadline: Date.now() + LOGIN_MS_MAX },
    (error, answer) => error === null && answer ? resolve(answer) : reject(error),
  );
  metadata.set("token", fromBinary(AuthenticateResponseSchema, await promise).token);
  return metadata;
}

async function receive(
  client: Client,
  { metadata, download, report }: {
    readonly metadata: Metadata;
    readonly download: SnapshotDownload;
    readonly report: Report;
  },
): Promise<void> {
  const call = client.makeServerStreamRequest(
    `/${Maintenance.typeName}/Snapshot`,
    asBuffer,
    (bytes: Buffer) => bytes,
    toBinary(SnapshotRequestSchema, create(SnapshotRequestSchema)),
    metadata,
  );
  const silence = setTimeout(() => call.cancel(), SILENCE_MS_MAX);
  let bytes = 0;
  try {
    for await (const message of call) {
      silence.refresh();
      const { blob, remainingBytes } = fromBinary(SnapshotResponseSchema, message as Buffer);
      download.append(blob);
      bytes += blob.length;
      const fraction = bytes / (bytes + Number(remainingBytes));
      report({ what: "fetching", fraction, revision: 0, rows: 0, bytes });
    }
  } finally {
    clearTimeout(silence);
    call.cancel();
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
