import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac, generateKeyPairSync, type KeyObject } from "node:crypto";
import { type Jwt, openJwt } from "./jwt.ts";
import { SIGN_METHODS } from "./jwt_methods.ts";

const CLAIMS = { user: "müller", revision: 7n };
const HMAC_SECRET = "a secret of some length";

/** Folder of key files, one pair for each type. */
function writeKeys(): string {
  const dir = Deno.makeTempDirSync({ prefix: "rhino-jwt-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));
  const pairs = {
    rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
    rsa2: generateKeyPairSync("rsa", { modulusLength: 2048 }),
    ec256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
    ec384: generateKeyPairSync("ec", { namedCurve: "P-384" }),
    ec521: generateKeyPairSync("ec", { namedCurve: "P-521" }),
    ed: generateKeyPairSync("ed25519"),
  };
  for (const [name, { publicKey, privateKey }] of Object.entries(pairs)) {
    Deno.writeTextFileSync(`${dir}/${name}.pub`, pem(publicKey, "spki"));
    Deno.writeTextFileSync(`${dir}/${name}.key`, pem(privateKey, "pkcs8"));
  }
  Deno.writeTextFileSync(`${dir}/rsa-pkcs1.pub`, pem(pairs.rsa.publicKey, "pkcs1"));
  Deno.writeTextFileSync(`${dir}/rsa-pkcs1.key`, pem(pairs.rsa.privateKey, "pkcs1"));
  Deno.writeTextFileSync(`${dir}/ec256-sec1.key`, pem(pairs.ec256.privateKey, "sec1"));
  Deno.writeTextFileSync(`${dir}/secret`, HMAC_SECRET);
  Deno.writeTextFileSync(`${dir}/empty`, "");
  return dir;
}

function pem(key: KeyObject, type: "spki" | "pkcs8" | "pkcs1" | "sec1"): string {
  return String(key.export({ type, format: "pem" } as Parameters<KeyObject["export"]>[0]));
}

const DIR = writeKeys();

/** The names of the method's key files. */
function keysOf(method: string): { pub: string; key: string } {
  if (method.startsWith("HS")) return { pub: "secret", key: "secret" };
  const name = { ES256: "ec256", ES384: "ec384", ES512: "ec521", EdDSA: "ed" }[method] ?? "rsa";
  return { pub: `${name}.pub`, key: `${name}.key` };
}

/** The flag's text, with file names of the folder. */
function flag(options: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(options).map(([name, value]) => {
    return `,${name}=${/key$/.test(name) ? `${DIR}/${value}` : value}`;
  });
  return `jwt${pairs.join("")}`;
}

function signing(method: string, options: Readonly<Record<string, string>> = {}, now = Date.now) {
  const text = flag({ "sign-method": method, "priv-key": keysOf(method).key, ...options });
  return openJwt(text, { now });
}

function verifying(method: string): Jwt {
  return openJwt(flag({ "sign-method": method, "pub-key": keysOf(method).pub }));
}

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token with any header and claims, signed with the secret. */
function forged(header: unknown, claims: unknown, secret: string | Uint8Array = HMAC_SECRET) {
  const text = `${encoded(header)}.${encoded(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

Deno.test("jwt: each method verifies what it signed, and nothing that was changed", () => {
  assert.equal(SIGN_METHODS.length, 13);
  for (const method of SIGN_METHODS) {
    const jwt = signing(method);
    assert.equal(jwt.canSign, true);
    const token = jwt.sign(CLAIMS);
    assert.deepEqual(jwt.verify(token), CLAIMS, method);
    assert.deepEqual(signing(method).verify(token), CLAIMS, method);
    const [header = "", , signature = ""] = token.split(".");
    const claims = encoded({ username: "root", revision: 7 });
    assert.equal(jwt.verify(`${header}.${claims}.${signature}`), undefined, method);
    const [, body = ""] = token.split(".");
    assert.equal(jwt.verify(`${header}.${body}.`), undefined, method);
    assert.equal(jwt.verify(`${header}.${body}.${signature.slice(8)}`), undefined, method);
  }
});

Deno.test("jwt: a public key alone verifies and cannot sign", () => {
  for (const method of SIGN_METHODS.filter((method) => !method.startsWith("HS"))) {
    const jwt = verifying(method);
    assert.equal(jwt.canSign, false);
    assert.deepEqual(jwt.verify(signing(method).sign(CLAIMS)), CLAIMS, method);
    assert.throws(() => jwt.sign(CLAIMS), {
      code: 2,
      message: "auth: token signing attempted with verify-only key",
    });
  }
});

Deno.test("jwt: a token of another method is refused, whatever it is signed with", () => {
  for (const method of SIGN_METHODS) {
    for (const other of SIGN_METHODS.filter((other) => other !== method)) {
      assert.equal(signing(method).verify(signing(other).sign(CLAIMS)), undefined, other);
    }
  }
  const claims = { username: "root", revision: 1 };
  const publicKey = Deno.readFileSync(`${DIR}/rsa.pub`);
  for (const alg of ["HS256", "none", "None", "", null, ["RS256"], "rs256"]) {
    const token = forged({ alg, typ: "JWT" }, claims, publicKey);
    assert.equal(verifying("RS256").verify(token), undefined, String(alg));
    const [header, body] = token.split(".");
    assert.equal(verifying("RS256").verify(`${header}.${body}.`), undefined, String(alg));
  }
  // The same secret and hash, and only the name is another one.
  assert.equal(signing("HS256").verify(forged({ alg: "none" }, claims)), undefined);
  assert.notEqual(signing("HS256").verify(forged({ alg: "HS256" }, claims)), undefined);
});

Deno.test("jwt: a token of another key is refused", () => {
  const other = signing("RS256", { "priv-key": "rsa2.key" });
  assert.equal(signing("RS256").verify(other.sign(CLAIMS)), undefined);
});

Deno.test("jwt: a token says what etcd's say, in its order", () => {
  const token = signing("HS256", {}, () => 1_000_999).sign({ user: "a", revision: 3n });
  const [header = "", claims = ""] = token.split(".").map((part) =>
    Buffer.from(part, "base64url").toString()
  );
  assert.equal(header, '{"alg":"HS256","typ":"JWT"}');
  assert.equal(claims, '{"exp":1300,"revision":3,"username":"a"}');
});

Deno.test("jwt: a token ends with its time, five minutes unless told, also when it is known", () => {
  for (
    const [ttl, seconds] of [["", 300], ["90s", 90], ["1h30m", 5_400], ["1.5s", 1]] as const
  ) {
    let ms = 0;
    const jwt = signing("HS256", { ttl }, () => ms);
    const token = jwt.sign(CLAIMS);
    assert.deepEqual(jwt.verify(token), CLAIMS);
    ms = seconds * 1_000 - 1;
    assert.deepEqual(jwt.verify(token), CLAIMS, ttl);
    ms++;
    assert.equal(jwt.verify(token), undefined, ttl);
    assert.equal(jwt.verify(token), undefined, ttl);
  }
  const past = signing("HS256", { ttl: "-5m" });
  assert.equal(past.verify(past.sign(CLAIMS)), undefined);
});

Deno.test("jwt: what is signed but says nothing of use is refused", () => {
  const jwt = signing("HS256", {}, () => 100_000);
  const verify = (claims: unknown) => jwt.verify(forged({ alg: "HS256" }, claims));
  const good = { username: "a", revision: 1 };
  assert.deepEqual(verify(good), { user: "a", revision: 1n });
  assert.deepEqual(verify({ ...good, exp: 0, nbf: 100, iat: 900, aud: "x" }), verify(good));
  assert.deepEqual(verify({ ...good, exp: 101.9 }), verify(good));
  assert.deepEqual(verify({ ...good, revision: 1.9 }), verify(good));
  for (
    const claims of [
      null,
      7,
      "a",
      [],
      {},
      { username: "a" },
      { revision: 1 },
      { ...good, username: 1 },
      { ...good, revision: "1" },
      { ...good, revision: -1 },
      { ...good, revision: 2 ** 64 },
      { ...good, exp: 100 },
      { ...good, exp: -1 },
      { ...good, exp: "200" },
      { ...good, exp: null },
      { ...good, nbf: 101 },
      { ...good, nbf: "1" },
    ]
  ) {
    assert.equal(verify(claims), undefined, JSON.stringify(claims));
  }
});

Deno.test("jwt: what is no token is refused", () => {
  const jwt = signing("HS256");
  const token = jwt.sign(CLAIMS);
  const [header = "", claims = "", signature = ""] = token.split(".");
  for (
    const text of [
      "",
      ".",
      "..",
      "...",
      "abcdefghijklmnop.17",
      `${header}.${claims}`,
      `${token}.`,
      ` ${token}`,
      `${token}=`,
      `${token}a`,
      `${header}.${claims}.${signature.replace(/.$/, "+")}`,
      `${encoded("x")}.${claims}.${signature}`,
      `${encoded(null)}.${claims}.${signature}`,
      `!.${claims}.${signature}`,
      `${header}.${"a".repeat(100_000)}.${signature}`,
      forged({ alg: "HS256" }, { username: "a".repeat(100_000), revision: 1 }),
    ]
  ) {
    assert.equal(jwt.verify(text), undefined, text.slice(0, 80));
  }
});

Deno.test("jwt: keys are read in each of their forms, and may be given both", () => {
  for (
    const options of [
      { "sign-method": "RS256", "priv-key": "rsa-pkcs1.key", "pub-key": "rsa-pkcs1.pub" },
      { "sign-method": "PS512", "priv-key": "rsa.key", "pub-key": "rsa.pub" },
      { "sign-method": "ES256", "priv-key": "ec256-sec1.key", "pub-key": "ec256.pub" },
      { "sign-method": "EdDSA", "priv-key": "ed.key", "pub-key": "ed.pub" },
      { "sign-method": "HS512", "priv-key": "rsa.key" },
    ]
  ) {
    const jwt = openJwt(flag(options));
    assert.deepEqual(jwt.verify(jwt.sign(CLAIMS)), CLAIMS);
  }
});

Deno.test("openJwt() says in one line what is wrong with the flag", () => {
  const rs = { "sign-method": "RS256", "priv-key": "rsa.key" };
  for (
    const [text, expected] of [
      ["jwt", /sign-method is "": auth: invalid auth signature method: expected one of HS256/],
      ["jwt,sign-method=none", /sign-method is "none": auth: invalid auth signature method/],
      ["jwt,sign-method=toString", /sign-method is "toString"/],
      ["jwt,sign-method", /"sign-method" is no option: expected NAME=VALUE/],
      ["jwt,sign-method=RS256=1", /"sign-method=RS256=1" is no option/],
      ["jwt,ttl=1s,ttl=2s", /ttl is given twice/],
      [flag({ ...rs, ttl: "5x" }), /ttl is "5x": expected a duration such as 5m/],
      [flag({ ...rs, ttl: "300" }), /ttl is "300"/],
      [flag({ "sign-method": "RS256" }), /auth: missing key data: expected pub-key or priv-key/],
      [flag({ "sign-method": "RS256", "priv-key": "empty" }), /auth: missing key data/],
      [
        flag({ "sign-method": "HS256", "pub-key": "secret" }),
        /missing key data: expected priv-key/,
      ],
      [flag({ "sign-method": "HS256", "priv-key": "empty" }), /missing key data/],
      [flag({ ...rs, "pub-key": "rsa2.pub" }), /auth: public and private keys don't match$/],
      [flag({ ...rs, "pub-key": "absent" }), /pub-key: cannot read .*\/absent$/],
      [flag({ ...rs, "priv-key": "secret" }), /priv-key cannot be read: expected a key in PEM$/],
      [flag({ ...rs, "priv-key": "rsa.pub" }), /priv-key cannot be read/],
      [flag({ "sign-method": "RS256", "pub-key": "rsa.key" }), /pub-key cannot be read/],
      [
        flag({ ...rs, "priv-key": "ed.key" }),
        /priv-key is a key of type ed25519: expected .* RSA$/,
      ],
      [flag({ "sign-method": "ES256", "pub-key": "ec384.pub" }), /pub-key .* curve secp384r1/],
      [flag({ "sign-method": "EdDSA", "pub-key": "rsa.pub" }), /of type rsa: expected .* Ed25519$/],
    ] as const
  ) {
    assert.throws(() => openJwt(text), (error: unknown) => {
      assert.ok(error instanceof RangeError, String(error));
      assert.match(error.message, /^Invalid --auth-token: [^\n]+$/);
      assert.match(error.message, expected);
      return true;
    }, text);
  }
});

Deno.test("openJwt() warns of options that it does not know", () => {
  const warned: unknown[] = [];
  openJwt(flag({ "sign-method": "HS256", "priv-key": "secret", foo: "1" }), {
    log: (level, _message, fields) => void warned.push([level, fields]),
  });
  assert.deepEqual(warned, [["warn", { options: ["foo"] }]]);
});
