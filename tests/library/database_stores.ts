/** A place for the data of one server, for each kind of store that this machine has. */

import {
  mysqlDatabase,
  postgresDatabase,
  whyNoMysql,
  whyNoPostgres,
} from "../support/databases/shared_database.ts";
import { mysql, postgres, type RhinoOptions, sqlite } from "../../src/mod.ts";

export interface Place extends AsyncDisposable {
  readonly options: RhinoOptions;
}

export interface StoreKind {
  readonly name: string;
  /** Why it cannot be had here; undefined if it can. */
  readonly whyNot: string | undefined;
  /** Whether its data outlive the server. */
  readonly isKept: boolean;
  make(): Promise<Place>;
}

export const STORE_KINDS: readonly StoreKind[] = [
  {
    name: "memory",
    whyNot: undefined,
    isKept: false,
    make: () =>
      Promise.resolve({
        options: { endpoint: "memory://" },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  },
  {
    name: "sqlite",
    whyNot: undefined,
    isKept: true,
    async make() {
      const folder = await Deno.makeTempDir();
      return {
        options: sqlite({ dsn: `${folder}/db/state.db` }),
        [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
      };
    },
  },
  {
    name: "postgres",
    whyNot: whyNoPostgres(),
    isKept: true,
    async make() {
      const { url, drop } = await postgresDatabase();
      return { options: postgres({ dsn: url }), [Symbol.asyncDispose]: drop };
    },
  },
  {
    name: "mysql",
    whyNot: whyNoMysql(),
    isKept: true,
    async make() {
      const { url, drop } = await mysqlDatabase();
      return { options: mysql({ dsn: url }), [Symbol.asyncDispose]: drop };
    },
  },
];

/** Registers a test, named as a fact, for each kind of store. */
export function storeTest(
  name: string,
  run: (place: Place, kind: StoreKind) => Promise<void>,
  isMeant: (kind: StoreKind) => boolean = () => true,
): void {
  for (const kind of STORE_KINDS.filter(isMeant)) {
    const why = kind.whyNot === undefined ? "" : ` (ignored: ${kind.whyNot})`;
    Deno.test({
      name: `${kind.name}: ${name}${why}`,
      ignore: kind.whyNot !== undefined,
      async fn() {
        await using place = await kind.make();
        await run(place, kind);
      },
    });
  }
}
