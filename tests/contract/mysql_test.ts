import { open } from "../../backends/mysql/mod.ts";
import { mysqlDatabase, whyNoMysql } from "../support/databases/shared_database.ts";
import { testBackend } from "./backend_suite.ts";

testBackend({
  name: "mysql",
  clock: "database",
  createStore: whyNoMysql() === undefined ? createStore : undefined,
});

async function createStore() {
  const { url, drop } = await mysqlDatabase();
  return { open: (options: Parameters<typeof open>[1]) => open(url, options), remove: drop };
}
