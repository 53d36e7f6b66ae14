import assert from "node:assert/strict";
import { withDatabaseTls } from "./database_tls.ts";

const NONE = {
  databaseCaFile: "",
  databaseCertFile: "",
  databaseKeyFile: "",
  databaseSkipVerify: false,
};

const ALL = {
  databaseCaFile: "/c/ca.pem",
  databaseCertFile: "/c/a b.pem",
  databaseKeyFile: "k.pem",
  databaseSkipVerify: false,
};

Deno.test("withDatabaseTls() puts the files into the endpoint of a database server", () => {
  const files = "sslrootcert=%2Fc%2Fca.pem&sslcert=%2Fc%2Fa%20b.pem&sslkey=k.pem";
  assert.equal(
    withDatabaseTls("postgres://h/d", ALL),
    `postgres://h/d?sslmode=verify-full&${files}`,
  );
  assert.equal(
    withDatabaseTls("mysql://u:p@tcp(h:1)/d", { ...NONE, databaseCaFile: "ca" }),
    "mysql://u:p@tcp(h:1)/d?ssl-mode=VERIFY_IDENTITY&ssl-ca=ca",
  );
});

Deno.test("withDatabaseTls() lets the URL have the last word", () => {
  assert.equal(
    withDatabaseTls("postgresql://h/d?sslmode=require&sslkey=own", ALL),
    "postgresql://h/d?sslmode=require&sslkey=own&sslrootcert=%2Fc%2Fca.pem&sslcert=%2Fc%2Fa%20b.pem",
  );
});

Deno.test("withDatabaseTls() leaves out the authority where nothing shall be checked", () => {
  assert.equal(
    withDatabaseTls("mariadb://h/d?", { ...ALL, databaseSkipVerify: true }),
    "mariadb://h/d?ssl-mode=REQUIRED&ssl-cert=%2Fc%2Fa%20b.pem&ssl-key=k.pem",
  );
});

Deno.test("withDatabaseTls() leaves endpoints alone that have no server, or no files", () => {
  for (const endpoint of ["./db/state.db", "memory://", "sqlite://a.db"]) {
    assert.equal(withDatabaseTls(endpoint, ALL), endpoint);
  }
  const skip = { ...NONE, databaseSkipVerify: true };
  assert.equal(withDatabaseTls("postgres://h/d", skip), "postgres://h/d");
});
