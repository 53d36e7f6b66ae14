/** A database server of a test's own, of either kind: to be killed, frozen, and set up as a test needs it. */

import { MariadbServer } from "../support/databases/mariadb_server.ts";
import { PostgresServer } from "../support/databases/postgres_server.ts";
import { childrenOf } from "../support/databases/process_family.ts";
import type { TestDatabase } from "../support/databases/test_database.ts";
import type { DatabaseKind } from "./database_kinds.ts";

/** What both kinds can do. */
export interface DatabaseServer extends AsyncDisposable {
  readonly pid: number;
  readonly running: boolean;
  url(database?: string): string;
  createDatabase(): Promise<TestDatabase>;
  /** Asks with all rights. */
  query(sql: string, options?: { readonly database?: string }): Promise<string>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port. */
  start(): Promise<void>;
}

/** Makes an empty server. A commit is on disk when it is answered, so that it outlives a kill. */
export function startDatabaseServer(kind: DatabaseKind): Promise<DatabaseServer> {
  return kind === "postgres" ? PostgresServer.start() : MariadbServer.start();
}

/** The test file's own servers: started when they are first asked for, ended with the file. Its tests leave them well. */
export function serversOfFile(): (kind: DatabaseKind) => Promise<DatabaseServer> {
  const started = new Map<DatabaseKind, Promise<DatabaseServer>>();
  Deno.test.afterAll(async () => {
    const servers = await Promise.allSettled(started.values());
    started.clear();
    for (const server of servers) {
      if (server.status === "fulfilled") await server.value[Symbol.asyncDispose]();
    }
  });
  return (kind) => {
    const server = started.get(kind) ?? startDatabaseServer(kind);
    started.set(kind, server);
    return server;
  };
}

/** Stops the server and its children in their tracks: connections stay, and nobody answers. Disposing lets it go on. */
export function freeze({ pid }: Pick<DatabaseServer, "pid">): Disposable {
  send(pid, "SIGSTOP");
  // Stopped, it starts no more of them.
  const pids = [pid, ...childrenOf(pid)];
  for (const one of pids) send(one, "SIGSTOP");
  return {
    [Symbol.dispose]() {
      for (const one of pids) send(one, "SIGCONT");
    },
  };
}

/** A child that served one connection may have ended with it. */
function send(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
