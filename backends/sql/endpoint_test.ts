import assert from "node:assert/strict";
import { BackendError } from "../contract.ts";
import { parseEndpoint } from "./endpoint.ts";

const DEFAULTS = { host: "localhost", port: 5432, passwordVariable: "RHINO_NO_SUCH_VARIABLE" };

function parse(endpoint: string) {
  const { parameters, ...parts } = parseEndpoint(endpoint, DEFAULTS);
  return { ...parts, rest: parameters.rest() };
}

Deno.test("parseEndpoint() takes endpoints apart", () => {
  const cases: readonly (readonly [string, Partial<ReturnType<typeof parse>>])[] = [
    ["postgres://h/d", {
      user: null,
      password: null,
      database: "d",
      hosts: [{ host: "h", port: 5432 }],
    }],
    ["postgres://u:p@h:1/d", { user: "u", password: "p", hosts: [{ host: "h", port: 1 }] }],
    ["postgres://u@/d", { user: "u", password: null, hosts: [{ host: "localhost", port: 5432 }] }],
    ["postgres://u:p@h", { database: null }],
    ["postgres://a:1,b,[::1]:3,[fe80::1]/d", {
      hosts: [
        { host: "a", port: 1 },
        { host: "b", port: 5432 },
        { host: "::1", port: 3 },
        { host: "fe80::1", port: 5432 },
      ],
    }],
    ["mysql://u%40x:p%3A%2F%3F%23%5B%5D%40%25@h/d%20e", {
      user: "u@x",
      password: "p:/?#[]@%",
      database: "d e",
    }],
    ["postgres://u:p@ss@h/d", { user: "u", password: "p@ss" }],
    ["postgres://u:@h/d", { user: "u", password: "" }],
    ["postgres://h/d?a=1&b=x%26y=z&c", { rest: ["a", "b", "c"] }],
  ];
  for (const [endpoint, expected] of cases) {
    const found = parse(endpoint);
    assert.deepEqual({ ...found, ...expected }, found, endpoint);
  }
});

Deno.test("parseEndpoint() says what is wrong, and never what stands there", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["postgres:secret", /not of the form scheme:/],
    ["postgres://u:secret#x@h/d", /must be percent-encoded/],
    ["postgres://u:secret%@h/d", /the password holds a "%"/],
    ["postgres://u:secret/x@h/d", /a host in it is not of the form host:port/],
    ["postgres://u:secret@h:99999/d", /its port is none/],
    [
      "postgres://u@h/d?password_file=/no/such/file",
      /the password file "\/no\/such\/file" cannot be read/,
    ],
  ];
  for (const [endpoint, message] of cases) {
    assert.throws(() => parse(endpoint), (error) => {
      assert.ok(error instanceof BackendError && error.kind === "unusable", endpoint);
      assert.match(error.message, message);
      assert.ok(!error.message.includes("secret"), error.message);
      return true;
    });
  }
});

Deno.test("parseEndpoint() takes the password from a file, without the end of its line", () => {
  const path = Deno.makeTempFileSync();
  Deno.writeTextFileSync(path, "p w%\n");
  assert.equal(
    parse(`postgres://u@h/d?password_file=${encodeURIComponent(path)}`).password,
    "p w%",
  );
  Deno.removeSync(path);
});

Deno.test("parameters are taken once, and checked", () => {
  const { parameters } = parseEndpoint("postgres://h/d?n=5&m=x&mode=on&b=+%2B", DEFAULTS);
  assert.equal(parameters.takeNumber("n", 1), 5);
  assert.throws(() => parameters.takeNumber("m", 1), /"m" must be a whole number of at least 1/);
  assert.throws(() => parameters.takeOneOf("mode", ["a", "b"]), /"mode" must be one of a, b/);
  assert.equal(parameters.take("b"), "++");
  assert.equal(parameters.take("b"), null);
  assert.deepEqual(parameters.rest(), []);
});
