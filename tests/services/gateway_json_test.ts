// The JSON gateway: how requests are read and answers written, to the letter.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { base64, post, withoutIds } from "../support/http_client.ts";
import { serviceTest } from "../support/service_case.ts";

const HEADER = '"header":{"cluster_id":"N","member_id":"N","revision":"N","raft_term":"N"}';

serviceTest("Gateway: a put and a get, as etcd3gw and Patroni send them", async (t) => {
  const { address } = t.endpoint;
  const key = base64(t.key("a"));
  const put = await post(address, "/v3/kv/put", { body: { key, value: base64("1") } });
  assert.equal(put.status, 200);
  assert.equal(withoutIds(put.text), `{${HEADER}}`);
  assert.equal(put.headers.get("content-type"), "application/json");
  assert.equal(put.headers.get("grpc-metadata-content-type"), "application/grpc");
  const got = await post(address, "/v3/kv/range", { body: { key } });
  const { kvs: [kv], count } = JSON.parse(got.text);
  assert.deepEqual([kv.key, kv.value, kv.version, count], [key, base64("1"), "1", "1"]);
  // In the order of the fields, long numbers as text, without defaults.
  assert.match(
    withoutIds(got.text),
    /^\{"header":\{[^}]*\},"kvs":\[\{"key":"[^"]*","create_revision":"\d+","mod_revision":"\d+","version":"1","value":"MQ=="\}\],"count":"1"\}$/,
  );
});

serviceTest("Gateway: names, numbers and bytes may be written in several ways", async (t) => {
  const { address } = t.endpoint;
  await t.client.kv.put({ key: t.key("w"), value: "1" });
  const key = base64(t.key("w"));
  const all = [
    { key, limit: 1, sort_order: "DESCEND", sort_target: "MOD" },
    { key, limit: "1", sortOrder: 2, sortTarget: 3 },
    { key, limit: 1e0, sort_order: "NO_SUCH_ORDER" },
    { key: key.replaceAll("=", ""), limit: "1.0" },
    { key: key.replaceAll("+", "-").replaceAll("/", "_"), no_such_field: { a: [1, "]"] } },
    { key, revision: null },
    { key, limit: "1, and so on" },
    `  {"key":"${key}","limit":10e-1} and what follows is passed over`,
    `{"\\u006bey":"${key}"}`,
  ];
  for (const body of all) {
    const { status, text } = await post(address, "/v3/kv/range", { body });
    assert.equal(status, 200, text);
    assert.equal(JSON.parse(text).count, "1", JSON.stringify(body));
  }
  const large = "9007199254740993";
  for (const body of [`{"key":"${key}","lease":${large}}`, { key, lease: large }]) {
    const { status, text } = await post(address, "/v3/kv/put", { body });
    assert.deepEqual([status, JSON.parse(text).code], [404, 5], "the lease is asked for exactly");
  }
});

serviceTest("Gateway: ids of leases keep all of their digits", async (t) => {
  const { address } = t.endpoint;
  const id = "9007199254740993";
  const granted = await post(address, "/v3/lease/grant", { body: `{"ID":${id},"TTL":60}` });
  assert.equal(withoutIds(granted.text), `{${HEADER},"ID":"${id}","TTL":"60"}`);
  const path = "/v3/kv/lease/timetolive";
  const left = JSON.parse((await post(address, path, { body: { ID: id, keys: true } })).text);
  assert.deepEqual([left.ID, left.grantedTTL], [id, "60"]);
  assert.equal((await post(address, "/v3/lease/revoke", { body: { ID: id } })).status, 200);
});

serviceTest("Gateway: binary keys and values are kept", async (t) => {
  const { address } = t.endpoint;
  const key = Buffer.from([...Buffer.from(t.prefix), 0xff, 0xfe, 0]).toString("base64");
  const value = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString("base64");
  await post(address, "/v3/kv/put", { body: { key, value } });
  const { text } = await post(address, "/v3/kv/range", { body: { key } });
  const { kvs: [kv] } = JSON.parse(text);
  assert.deepEqual([kv.key, kv.value], [key, value]);
});

serviceTest("Gateway: a transaction goes both ways", async (t) => {
  const { address } = t.endpoint;
  const key = base64(t.key("txn"));
  const body = {
    compare: [{ key, result: "EQUAL", target: "CREATE", create_revision: "0" }],
    success: [{ requestPut: { key, value: base64("1") } }],
    failure: [{ request_range: { key } }],
  };
  const first = await post(address, "/v3/kv/txn", { body });
  assert.match(
    withoutIds(first.text),
    /^\{"header":\{[^}]*\},"succeeded":true,"responses":\[\{"response_put":\{"header":\{"revision":"N"\}\}\}\]\}$/,
  );
  const second = JSON.parse((await post(address, "/v3/kv/txn", { body })).text);
  assert.equal(second.succeeded, undefined);
  assert.equal(second.responses[0].response_range.kvs[0].value, base64("1"));
});

/** Body → what it is answered with. */
const REFUSED: readonly [body: string | Uint8Array, text: string][] = [
  ["", "etcdserver: key is not provided"],
  ["{}", "etcdserver: key is not provided"],
  ["   \n", "etcdserver: key is not provided"],
  ["garbage", "invalid character 'g' looking for beginning of value"],
  ["{", "unexpected EOF"],
  ['{"key"', "unexpected EOF"],
  ['{"key":"a', "unexpected EOF"],
  ["{key:1}", "invalid character 'k' looking for beginning of object key string"],
  ['{"key" 1}', "invalid character '1' after object key"],
  ['{"key":1 2}', "invalid character '2' after object key:value pair"],
  ['{"key":[1 2]}', "invalid character '2' after array element"],
  ['{"key":1,}', "invalid character '}' looking for beginning of object key string"],
  ['{"key":[1,]}', "invalid character ']' looking for beginning of value"],
  ['{"key":tru }', "invalid character ' ' in literal true (expecting 'e')"],
  ['{"key":nulL}', "invalid character 'L' in literal null (expecting 'l')"],
  ['{"key":01}', "invalid character '1' after object key:value pair"],
  ['{"key":-}', "invalid character '}' in numeric literal"],
  ['{"key":1.}', "invalid character '}' after decimal point in numeric literal"],
  ['{"key":1e}', "invalid character '}' in exponent of numeric literal"],
  ['{"key":1.2.3}', "invalid character '.' after object key:value pair"],
  ['{"key":"\\x"}', "invalid character 'x' in string escape code"],
  ['{"key":"\\u12x4"}', "invalid character 'x' in \\u hexadecimal character escape"],
  ['{"key":"\n"}', "invalid character '\\n' in string literal"],
  ["'", "invalid character '\\'' looking for beginning of value"],
  ["\\", "invalid character '\\\\' looking for beginning of value"],
  ['{"key":"\x01"}', "invalid character '\\x01' in string literal"],
  [new Uint8Array([0xff]), "invalid character 'ÿ' looking for beginning of value"],
  [new Uint8Array([0]), "invalid character '\\x00' looking for beginning of value"],
  ["[]", "proto: syntax error (line 1:1): unexpected token ["],
  [" null", "proto: syntax error (line 1:1): unexpected token null"],
  ['"a"', 'proto: syntax error (line 1:1): unexpected token "a"'],
  ["12", "proto: syntax error (line 1:1): unexpected token 12"],
  ['{"key":12}', "proto: (line 1:8): invalid value for bytes field key: 12"],
  ['{"key":"Y!"}', 'proto: (line 1:8): invalid value for bytes field key: "Y!"'],
  ['{"key":"YQ="}', 'proto: (line 1:8): invalid value for bytes field key: "YQ="'],
  ['{"key":"YQ==="}', 'proto: (line 1:8): invalid value for bytes field key: "YQ==="'],
  ['{"key":"+-AA"}', 'proto: (line 1:8): invalid value for bytes field key: "+-AA"'],
  ['{"key":"AAAAA"}', 'proto: (line 1:8): invalid value for bytes field key: "AAAAA"'],
  ['{"key":{}}', "proto: (line 1:8): invalid value for bytes field key: {"],
  ['{"limit":"x"}', 'proto: (line 1:10): invalid value for int64 field limit: "x"'],
  ['{"limit":1.5}', "proto: (line 1:10): invalid value for int64 field limit: 1.5"],
  ['{"limit":" 1"}', 'proto: (line 1:10): invalid value for int64 field limit: " 1"'],
  ['{"limit":1e30}', "proto: (line 1:10): invalid value for int64 field limit: 1e30"],
  [
    '{"limit":9223372036854775808}',
    "proto: (line 1:10): invalid value for int64 field limit: 9223372036854775808",
  ],
  [
    '{"serializable":"true"}',
    'proto: (line 1:17): invalid value for bool field serializable: "true"',
  ],
  ['{"sort_order":[]}', "proto: (line 1:15): invalid value for enum field sortOrder: ["],
  ['{"key":"YQ","key":"YQ"}', 'proto: (line 1:13): duplicate field "key"'],
  [
    '{"key":"YQ",\n "keysOnly":true,\n "keys_only":1}',
    'proto: (line 3:2): duplicate field "keys_only"',
  ],
  ['{"é":1,"key":12}', "proto: (line 1:14): invalid value for bytes field key: 12"],
  ['{"key":"\\ud800"}', "proto: unexpected EOF"],
  [
    '{"key":"\\ud83d\\ude00\\udc00 and more"}',
    'proto: syntax error (line 1:8): invalid escape code " and m" in string',
  ],
];

serviceTest("Gateway: what is no request is refused in etcd's words", async (t) => {
  for (const [body, expected] of REFUSED) {
    const { status, text, headers } = await post(t.endpoint.address, "/v3/kv/range", { body });
    // Go blurs the blank behind the prefix.
    const { code, message } = JSON.parse(text.replaceAll("\u00a0", " "));
    assert.deepEqual([status, code, message], [400, 3, expected], String(body));
    assert.equal(text, JSON.stringify({ code, message }));
    assert.equal(headers.get("content-type"), "application/json");
  }
});

serviceTest("Gateway: invalid UTF-8 is refused, even in what is passed over", async (t) => {
  const passedOver = Buffer.from('{"key":"YQ","no_such":["\xff"]}', "latin1");
  const { text: refusal } = await post(t.endpoint.address, "/v3/kv/range", { body: passedOver });
  assert.match(refusal, /syntax error \(line 1:24\): invalid UTF-8 in string/);
  const body = Buffer.from('{"key":"YQ","serializable":"\xff"}', "latin1");
  const { status, text } = await post(t.endpoint.address, "/v3/kv/range", { body });
  assert.equal(status, 400);
  assert.match(text, /syntax error \(line 1:28\): invalid UTF-8 in string/);
});

serviceTest("Gateway: the second member of a choice is refused", async (t) => {
  const body = '{"success":[{"request_put":{"key":"YQ"},"request_range":{"key":"YQ"}}]}';
  const { status, text } = await post(t.endpoint.address, "/v3/kv/txn", { body });
  assert.equal(status, 400);
  assert.match(
    text,
    /\(line 1:41\): error parsing \\"request_range\\", oneof etcdserverpb.RequestOp.request is already set/,
  );
});

serviceTest("Gateway: what etcd refuses has its status of HTTP", async (t) => {
  const { address } = t.endpoint;
  const key = base64(t.key("s"));
  const cases: [path: string, body: unknown, status: number, code: number, message: string][] = [
    [
      "kv/range",
      { key, revision: "999999" },
      400,
      11,
      "mvcc: required revision is a future revision",
    ],
    ["lease/revoke", { ID: "99" }, 404, 5, "requested lease not found"],
    ["kv/put", { key, lease: "99" }, 404, 5, "requested lease not found"],
    ["kv/range", { key, sort_order: 9 }, 400, 3, "invalid sort option"],
    ["kv/put", { key, value: "AA==", ignore_value: true }, 400, 3, "value is provided"],
    ["lease/grant", { TTL: "9000000001" }, 400, 11, "too large lease TTL"],
    ["cluster/member/promote", { ID: "1" }, 404, 5, "member not found"],
  ];
  for (const [path, body, ...expected] of cases) {
    const { status, text } = await post(address, `/v3/${path}`, { body });
    const { code, message } = JSON.parse(text);
    assert.deepEqual([status, code, message.replace("etcdserver: ", "")], expected, path);
  }
});

serviceTest("Gateway: long requests are refused as by gRPC", async (t) => {
  const { address } = t.endpoint;
  const key = base64(t.key("l"));
  const value = base64("x".repeat(1_600_000));
  const tooLarge = await post(address, "/v3/kv/put", { body: { key, value } });
  assert.deepEqual([tooLarge.status, JSON.parse(tooLarge.text)], [400, {
    code: 3,
    message: "etcdserver: request is too large",
  }]);
  const body = { key, value: base64("x".repeat(2_400_000)) };
  const far = await post(address, "/v3/kv/put", { body });
  const bytes = 2_400_000 + 5 + Buffer.from(key, "base64").length + 2;
  assert.deepEqual([far.status, JSON.parse(far.text)], [429, {
    code: 8,
    message: `grpc: received message larger than max (${bytes} vs. 2097152)`,
  }]);
});

serviceTest("Gateway: a client gives a time, and metadata", async (t) => {
  const { address } = t.endpoint;
  const body = { key: base64(t.key("m")) };
  const headers = (name: string, value: string) => ({ body, headers: { [name]: value } });
  const answer = async (name: string, value: string) => {
    const { status, text } = await post(address, "/v3/kv/range", headers(name, value));
    return [status, JSON.parse(text).message];
  };
  assert.deepEqual(await answer("Grpc-Timeout", "x"), [400, "invalid grpc-timeout: x"]);
  assert.deepEqual(await answer("Grpc-Timeout", "1n"), [504, "context deadline exceeded"]);
  assert.deepEqual(await answer("Grpc-Timeout", "10S"), [200, undefined]);
  assert.deepEqual(await answer("Grpc-Metadata-Some-Bin", "!!"), [
    400,
    "invalid binary header Grpc-Metadata-Some-Bin: illegal base64 data at input byte 0",
  ]);
  assert.deepEqual(await answer("Grpc-Metadata-Some-Bin", "AAAA"), [200, undefined]);
});
