// Signed tokens against etcd's own: with the same key, each has to understand what the other one made.

import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { openJwt } from "../../src/auth/jwt.ts";
import { SIGN_METHODS } from "../../src/auth/jwt_methods.ts";
import { startEndpoint } from "../support/endpoint.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { whyNoOracle } from "../support/oracle.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";

const WHY_NO_ORACLE = await whyNoOracle();

/** One key for each family of methods; starting etcd for each of the thirteen would show little more. */
const METHODS = ["HS256", "RS256", "PS384", "ES512", "ES256", "EdDSA"] as const;

function makeKey(method: string): KeyObject {
  switch (method.slice(0, 2)) {
    case "ES": {
      const curve = { ES256: "P-256", ES384: "P-384" }[method] ?? "P-521";
      return generateKeyPairSync("ec", { namedCurve: curve }).privateKey;
    }
    case "Ed":
      return generateKeyPairSync("ed25519").privateKey;
    default:
      return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  }
}

/** Root's token, after the authentication was turned on. */
async function enableAuth({ auth }: EtcdClient): Promise<string> {
  await auth.userAdd({ name: "root", password: "secret" });
  await auth.userGrantRole({ user: "root", role: "root" });
  await auth.authEnable({});
  return (await auth.authenticate({ name: "root", password: "secret" })).token;
}

for (const method of METHODS) {
  const name = `jwt: ${method} is etcd's`;
  if (WHY_NO_ORACLE !== undefined) {
    Deno.test({ name: `${name} (ignored: ${WHY_NO_ORACLE})`, ignore: true, fn() {} });
    continue;
  }
  Deno.test(name, async () => {
    assert.ok(SIGN_METHODS.includes(method));
    const keyFile = await Deno.makeTempFile({ prefix: "rhino-jwt-" });
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => Deno.remove(keyFile));
    const pem = makeKey(method).export({ type: "pkcs8", format: "pem" });
    await Deno.writeTextFile(keyFile, String(pem));
    const flag = `jwt,sign-method=${method},priv-key=${keyFile},ttl=10m`;
    const etcd = cleanup.use(await startEndpoint("etcd", { flags: [`--auth-token=${flag}`] }));
    const jwt = openJwt(flag);

    const theirs = await enableAuth(etcd.client);
    const claims = jwt.verify(theirs);
    assert.equal(claims?.user, "root");

    const { revision } = claims;
    const read = (token: string) => etcd.client.kv.range({ key: "a" }, { metadata: { token } });
    await read(theirs);
    await read(jwt.sign({ user: "root", revision }));
    await assertFails(read(jwt.sign({ user: "root", revision: revision - 1n })), [
      CODE.INVALID_ARGUMENT,
      "etcdserver: revision of auth store is old",
    ]);
    await assertFails(read(`${theirs}x`), [
      CODE.UNAUTHENTICATED,
      "etcdserver: invalid auth token",
    ]);
    const [header] = theirs.split(".");
    assert.equal(jwt.sign({ user: "root", revision }).split(".")[0], header);
  });
}
