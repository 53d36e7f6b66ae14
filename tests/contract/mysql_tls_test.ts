/** Encrypted connections to MariaDB, with certificates made for the occasion. */

import assert from "node:assert/strict";
import { BackendError } from "../../backends/contract.ts";
import { open } from "../../backends/mysql/mod.ts";
import { runCommand } from "../support/databases/client_command.ts";
import { missingExecutables } from "../support/databases/executables.ts";
import { missingFor } from "../support/databases/installed.ts";
import { MariadbServer } from "../support/databases/mariadb_server.ts";
import { OPEN_OPTIONS } from "../../backends/conformance/subject.ts";

const isMissing = missingFor("mysql") !== undefined || missingExecutables(["openssl"]).length > 0;

/** An authority, and a certificate of it for `localhost`. */
async function makeCertificates(dir: string): Promise<void> {
  const openssl = async (text: string) => {
    await runCommand("openssl", { args: text.split(" ").map((arg) => arg.replace("DIR", dir)) });
  };
  await Deno.writeTextFile(`${dir}/names`, "subjectAltName=DNS:localhost\n");
  const rsa = "-newkey rsa:2048 -nodes -keyout";
  await openssl(`req -x509 ${rsa} DIR/ca.key -out DIR/ca.pem -days 2 -subj /CN=test`);
  await openssl(`req ${rsa} DIR/key.pem -out DIR/request -subj /CN=localhost`);
  await openssl(
    "x509 -req -in DIR/request -CA DIR/ca.pem -CAkey DIR/ca.key -out DIR/cert.pem -days 2 -extfile DIR/names",
  );
  // The server runs as another user.
  for await (const { name } of Deno.readDir(dir)) await Deno.chmod(`${dir}/${name}`, 0o644);
  await Deno.chmod(dir, 0o755);
}

Deno.test({
  name: "mysql: TLS is taken where it is offered, and as strictly as it is asked for",
  ignore: isMissing && Deno.env.get("CI") !== "true",
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "rhino_tls_" });
    await makeCertificates(dir);
    await using server = await MariadbServer.start({
      flushLogAtCommit: 0,
      settings: {
        "ssl-cert": `${dir}/cert.pem`,
        "ssl-key": `${dir}/key.pem`,
        "ssl-ca": `${dir}/ca.pem`,
      },
    });
    const { url } = await server.createDatabase();
    const named = url.replace("127.0.0.1", "localhost");
    // The user must come encrypted from now on.
    await server.query("ALTER USER rhino@'%' REQUIRE SSL");
    const ca = `ssl-ca=${dir}/ca.pem`;
    const good = ["", "?ssl-mode=REQUIRED", `?ssl-mode=VERIFY_CA&${ca}`];
    for (
      const endpoint of [
        ...good.map((query) => url + query),
        `${named}?ssl-mode=VERIFY_IDENTITY&${ca}`,
      ]
    ) {
      const backend = await open(endpoint, OPEN_OPTIONS);
      await backend.head();
      await backend.close();
    }
    const other = url.replace("127.0.0.1", Deno.hostname());
    const bad: readonly (readonly [endpoint: string, reason: RegExp])[] = [
      [`${url}?ssl-mode=DISABLED`, /refuses user "rhino"/],
      [`${url}?ssl-mode=VERIFY_CA`, /TLS failed: self-signed certificate/],
      [
        `${other}?ssl-mode=VERIFY_IDENTITY&${ca}`,
        /TLS failed: .*does not match|no such host|refused/,
      ],
    ];
    for (const [endpoint, reason] of bad) {
      const error = await open(endpoint, OPEN_OPTIONS).catch((error: unknown) => error);
      assert.ok(error instanceof BackendError && error.kind === "unusable");
      assert.match(error.message, reason);
    }
    await Deno.remove(dir, { recursive: true });
  },
});
