import type { OpenOptions } from "../../backends/contract.ts";
import { MysqlBackend } from "../../backends/mysql/backend.ts";
import { open } from "../../backends/mysql/mod.ts";
import { openStore } from "../../backends/mysql/opening.ts";
import { mysqlDatabase, whyNoMysql } from "../support/databases/shared_database.ts";
import { testBackend } from "../../backends/conformance/suite.ts";

/** Sends statements as MySQL takes them, also where the server is MariaDB. */
async function openWithoutBlocks(url: string, options: OpenOptions): Promise<MysqlBackend> {
  const opened = await openStore(url, options);
  opened.session.hasBlocks = false;
  const connect: typeof opened.connect = async (wanted) => {
    const connected = await opened.connect(wanted);
    connected.session.hasBlocks = false;
    return connected;
  };
  return new MysqlBackend({ opened: { ...opened, connect }, options });
}

for (
  const [name, openStoreAt] of Object.entries({ mysql: open, "mysql in parts": openWithoutBlocks })
) {
  const createStore = async () => {
    const { url, drop } = await mysqlDatabase();
    return { open: (options: OpenOptions) => openStoreAt(url, options), remove: drop };
  };
  testBackend({
    name,
    clock: "database",
    createStore: whyNoMysql() === undefined ? createStore : undefined,
  });
}
