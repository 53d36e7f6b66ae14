/** How large a store is, as the database or the file system tells. */

import type { DatabaseEngine } from "./database_engine.ts";

/** A table or a file. */
export interface StorePart {
  readonly name: string;
  readonly bytes: number;
  /** Old versions that the database has not cleared away yet: PostgreSQL's dead rows. */
  readonly deadRows?: number;
}

export interface StorePlace {
  /** Undefined for files in `dir`. */
  readonly engine: DatabaseEngine | undefined;
  readonly databaseUrl: string | undefined;
  readonly dir: string;
}

export async function storeParts({ engine, databaseUrl, dir }: StorePlace): Promise<StorePart[]> {
  if (engine === undefined || databaseUrl === undefined) return fileParts(dir);
  const database = new URL(databaseUrl).pathname.slice(1);
  switch (engine.store) {
    case "postgres":
      return await postgresParts(engine, database);
    case "mysql":
      return await mariadbParts(engine, database);
  }
}

/** With indexes and what is stored out of line. */
const POSTGRES_PARTS =
  "SELECT relname, pg_total_relation_size(relid), n_dead_tup FROM pg_stat_user_tables ORDER BY 1";

async function postgresParts({ server }: DatabaseEngine, database: string): Promise<StorePart[]> {
  const lines = (await server.query(POSTGRES_PARTS, { database })).split("\n");
  return lines.map((line) => {
    const [name = "", bytes, deadRows] = line.split("|");
    return { name, bytes: Number(bytes), deadRows: Number(deadRows) };
  });
}

/** A file for each table; and what all share, where InnoDB keeps the old versions that readers may still need. */
async function mariadbParts({ server }: DatabaseEngine, database: string): Promise<StorePart[]> {
  const dir = await server.query("SELECT @@datadir");
  return [
    ...fileParts(`${dir}${database}`, (name) => name.endsWith(".ibd")),
    ...fileParts(dir, (name) => name === "ibdata1" || name.startsWith("undo")),
  ];
}

function fileParts(dir: string, isPart: (name: string) => boolean = () => true): StorePart[] {
  const names = [...Deno.readDirSync(dir)].filter(({ isFile }) => isFile).map(({ name }) => name);
  return names.filter(isPart).sort().map((name) => ({
    name,
    bytes: Deno.statSync(`${dir}/${name}`).size,
  }));
}
