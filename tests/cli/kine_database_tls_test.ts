/** kine's flags for TLS to the database, in a command line as Kamaji writes it, on a real MariaDB. */

import assert from "node:assert/strict";
import { makeCertificates, whyNoCertificates } from "../support/certificates.ts";
import { missingFor } from "../support/databases/installed.ts";
import { MariadbServer } from "../support/databases/mariadb_server.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { RhinoProcess, runRhino } from "./rhino_process.ts";

const missing = missingFor("mysql") ?? whyNoCertificates();

Deno.test({
  name: "kine: --ca-file, --cert-file, --key-file and --skip-verify are the database's",
  ignore: missing !== undefined && Deno.env.get("CI") !== "true",
  async fn() {
    await using certificates = await makeCertificates();
    const { server: { cert, key }, authority, impostor, alice, dir } = certificates;
    // The server runs as another user.
    for (const file of [cert, key, authority.cert]) await Deno.chmod(file, 0o644);
    await Deno.chmod(dir, 0o755);
    await using server = await MariadbServer.start({
      flushLogAtCommit: 0,
      settings: { "ssl-cert": cert, "ssl-key": key, "ssl-ca": authority.cert },
    });
    const { url } = await server.createDatabase();
    await server.query("ALTER USER rhino@'%' REQUIRE X509");
    const args = [
      "--listen-address=127.0.0.1:0",
      `--endpoint=${url.replace("127.0.0.1", "localhost")}`,
      `--cert-file=${alice.cert}`,
      `--key-file=${alice.key}`,
    ];
    for (const trust of [`--ca-file=${authority.cert}`, "--skip-verify"]) {
      await using rhino = new RhinoProcess({ args: [...args, trust] });
      using client = new EtcdClient(await rhino.address());
      await client.kv.put({ key: "a", value: trust });
    }
    const { code, stderr } = await runRhino({ args: [...args, `--ca-file=${impostor.cert}`] });
    assert.equal(code, 1);
    assert.match(stderr, /TLS failed/);
  },
});
