import { open } from "../../backends/postgres/mod.ts";
import { postgresDatabase, whyNoPostgres } from "../support/databases/shared_database.ts";
import { testBackend } from "../../backends/conformance/suite.ts";

testBackend({
  name: "postgres",
  clock: "database",
  createStore: whyNoPostgres() !== undefined ? undefined : async () => {
    const database = await postgresDatabase();
    return {
      open: (options) => open(database.url, options),
      remove: () => database.drop(),
    };
  },
});
