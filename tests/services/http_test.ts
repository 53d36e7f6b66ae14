// HTTP on the client port besides the gateway: paths, methods, redirects, CORS, health and version.

import assert from "node:assert/strict";
import {
  AlarmRequest_AlarmAction as Action,
  AlarmType,
} from "../../gen/etcdserverpb/maintenance_pb.ts";
import { base64, httpRequest, post, RawConnection, requestText } from "../support/http_client.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";

const PLAIN = "text/plain; charset=utf-8";

/** Method and path → status, type, body. */
const ANSWERS: readonly [request: string, status: number, type: string | null, body: string][] = [
  ["GET /health", 200, PLAIN, '{"health":"true","reason":""}'],
  ["GET /health?serializable=true", 200, PLAIN, '{"health":"true","reason":""}'],
  ["GET /health?exclude=NOSPACE&exclude=", 200, PLAIN, '{"health":"true","reason":""}'],
  ["POST /health", 405, PLAIN, "Method Not Allowed\n"],
  ["GET /health/", 404, PLAIN, "404 page not found\n"],
  ["GET /livez", 200, PLAIN, "ok\n"],
  ["GET /livez?verbose", 200, PLAIN, "[+]serializable_read ok\nok\n"],
  ["GET /livez/serializable_read?verbose", 200, PLAIN, "[+]serializable_read ok\nok\n"],
  ["PUT /livez", 405, PLAIN, "Method Not Allowed\n"],
  ["GET /readyz", 200, PLAIN, "ok\n"],
  ["GET /readyz?exclude=non_learner&exclude=unheard_of", 200, PLAIN, "ok\n"],
  ["GET /readyz/data_corruption", 200, PLAIN, "ok\n"],
  ["GET /readyz/linearizable_read?verbose", 200, PLAIN, "[+]linearizable_read ok\nok\n"],
  ["GET /readyz/non_learner", 200, PLAIN, "ok\n"],
  ["GET /readyz/unheard_of", 404, PLAIN, "404 page not found\n"],
  [
    "GET /version",
    200,
    "application/json",
    '{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}',
  ],
  ["DELETE /version", 405, PLAIN, "Method Not Allowed\n"],
  ["GET /", 404, PLAIN, "404 page not found\n"],
  ["POST /", 404, PLAIN, "404 page not found\n"],
  ["GET /debug/pprof/", 404, PLAIN, "404 page not found\n"],
  ["GET /config/local/log", 404, PLAIN, "404 page not found\n"],
  ["GET /v3alpha/kv/range", 404, PLAIN, "404 page not found\n"],
  ["POST /v3%2Fkv/range", 404, PLAIN, "404 page not found\n"],
  ["POST /etcdserverpb.KV/Range", 404, PLAIN, "404 page not found\n"],
  ["GET /v3/kv/range", 501, "application/json", '{"code":12,"message":"Method Not Allowed"}'],
  ["DELETE /v3/kv/range", 501, "application/json", '{"code":12,"message":"Method Not Allowed"}'],
  ["POST /v3/", 404, "application/json", '{"code":5,"message":"Not Found"}'],
  ["POST /v3/kv/range/", 404, "application/json", '{"code":5,"message":"Not Found"}'],
  ["POST /v3/kv/rangestream", 404, "application/json", '{"code":5,"message":"Not Found"}'],
  [
    "POST /v3/kv/%72ange",
    400,
    "application/json",
    '{"code":3,"message":"etcdserver: key is not provided"}',
  ],
  [
    "POST /v3beta/kv/range?x=1",
    400,
    "application/json",
    '{"code":3,"message":"etcdserver: key is not provided"}',
  ],
  ["POST /v3", 307, null, ""],
  ["POST /v3//kv/../kv/./range", 307, null, ""],
  [
    "GET /a//b?c=d&e",
    307,
    "text/html; charset=utf-8",
    '<a href="/a/b?c=d&amp;e">Temporary Redirect</a>.\n\n',
  ],
  ["OPTIONS /v3/kv/range", 200, null, ""],
  ["OPTIONS /nowhere", 200, null, ""],
];

function partsOf(request: string): [method: string, path: string] {
  const [method = "", path = ""] = request.split(" ");
  return [method, path];
}

serviceTest("HTTP: each path is answered as by etcd", async (t) => {
  for (const [request, ...expected] of ANSWERS) {
    const [method, path] = partsOf(request);
    using connection = new RawConnection(t.endpoint.address);
    connection.write(requestText(path, { method, headers: "Connection: close\r\n" }));
    await connection.closed;
    const [head = "", body = ""] = connection.received.split(/\r\n\r\n(.*)/s);
    const type = /^content-type: (.*)$/mi.exec(head)?.[1] ?? null;
    const status = Number(head.split(" ")[1]);
    assert.deepEqual([status, type, body], expected, request);
    if (status === 405) assert.match(head, /^allow: GET$/mi);
    if (type === PLAIN && status >= 400) assert.match(head, /^x-content-type-options: nosniff$/mi);
  }
});

serviceTest("HTTP: redirects name the clean path", async (t) => {
  for (
    const [path, location] of [["/v3", "/v3/"], ["/v3//kv/../x", "/v3/x"], ["//", "/"]] as const
  ) {
    using connection = new RawConnection(t.endpoint.address);
    connection.write(requestText(path));
    assert.match(
      await connection.until(/\r\n\r\n/),
      new RegExp(`\r\nlocation: ${location}\r\n`, "i"),
    );
  }
});

serviceTest("HTTP: all checks of /readyz are listed when asked for", async (t) => {
  const { text } = await httpRequest(t.endpoint.address, "/readyz?verbose");
  // etcd's order is another one each time.
  assert.deepEqual(text.split("\n").toSorted(), [
    "",
    "[+]data_corruption ok",
    "[+]linearizable_read ok",
    "[+]non_learner ok",
    "[+]serializable_read ok",
    "ok",
  ]);
});

async function setAlarm(t: ServiceTestContext, action: Action, alarm: AlarmType): Promise<void> {
  await t.client.maintenance.alarm({ action, alarm, memberID: 0n });
}

serviceTest(
  "HTTP: alarms make the server unhealthy, unless excluded",
  { fresh: true },
  async (t) => {
    const { address } = t.endpoint;
    const noSpace = '{"health":"false","reason":"ALARM NOSPACE"}\n';
    await setAlarm(t, Action.ACTIVATE, AlarmType.NOSPACE);
    const sick = await httpRequest(address, "/health");
    assert.deepEqual([sick.status, sick.text], [503, noSpace]);
    assert.equal((await httpRequest(address, "/health?exclude=NOSPACE")).status, 200);
    assert.equal((await httpRequest(address, "/readyz")).status, 200);
    await setAlarm(t, Action.DEACTIVATE, AlarmType.NOSPACE);
    assert.equal((await httpRequest(address, "/health")).status, 200);
    await setAlarm(t, Action.ACTIVATE, AlarmType.CORRUPT);
    const corrupt = await httpRequest(address, "/health");
    assert.equal(corrupt.text, '{"health":"false","reason":"ALARM CORRUPT"}\n');
    const notReady = await httpRequest(address, "/readyz");
    assert.equal(notReady.status, 503);
    assert.match(notReady.text, /^\[-\]data_corruption failed: alarm activated: CORRUPT$/m);
    assert.equal((await httpRequest(address, "/readyz?exclude=data_corruption")).status, 200);
    assert.equal((await httpRequest(address, "/livez")).status, 200);
  },
);

serviceTest("HTTP: /debug/vars is JSON with the memory in it", async (t) => {
  const { headers, text } = await httpRequest(t.endpoint.address, "/debug/vars");
  assert.equal(headers.get("content-type"), "application/json; charset=utf-8");
  const { cmdline, memstats } = JSON.parse(text);
  assert.ok(Array.isArray(cmdline) && memstats.Sys > 0 && memstats.HeapAlloc > 0);
});

const CORS_HEADERS = "access-control-allow-origin";

serviceTest("HTTP: any origin may call unless told otherwise", async (t) => {
  const { headers } = await httpRequest(t.endpoint.address, "/version");
  assert.equal(headers.get(CORS_HEADERS), "*");
  assert.equal(headers.get("access-control-allow-methods"), "POST, GET, OPTIONS, PUT, DELETE");
  assert.equal(
    headers.get("access-control-allow-headers"),
    "accept, content-type, authorization",
  );
});

serviceTest(
  "HTTP: --cors names who may call",
  { flags: ["--cors=http://a.example:80"] },
  async (t) => {
    const { address } = t.endpoint;
    for (
      const [origin, allowed] of [["http://a.example:80", "http://a.example:80"], [
        "http://b.example:80",
        null,
      ]]
    ) {
      const answer = await post(address, "/v3/kv/range", { headers: { origin: origin ?? "" } });
      assert.equal(answer.headers.get(CORS_HEADERS), allowed);
    }
  },
);

serviceTest("HTTP: --host-whitelist names the hosts", {
  flags: ["--host-whitelist=good.example"],
}, async (t) => {
  const ask = async (host: string) => {
    using connection = new RawConnection(t.endpoint.address);
    connection.write(`GET /version HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return (await connection.until(/\r\n\r\n/)).split("\r\n")[0];
  };
  assert.equal(await ask("good.example"), "HTTP/1.1 200 OK");
  assert.equal(await ask("good.example:2379"), "HTTP/1.1 200 OK");
  assert.equal(await ask("bad.example"), "HTTP/1.1 421 Misdirected Request");
  assert.equal(await ask("[::1]:2379"), "HTTP/1.1 421 Misdirected Request");
});

serviceTest("HTTP: without the gateway its paths are not found", {
  flags: ["--enable-grpc-gateway=false"],
}, async (t) => {
  const { status, text } = await post(t.endpoint.address, "/v3/kv/range");
  assert.deepEqual([status, text], [404, "404 page not found\n"]);
  assert.equal((await httpRequest(t.endpoint.address, "/health")).status, 200);
});

serviceTest("HTTP: requests may be sent ahead, in chunks, and after a question", async (t) => {
  const { address } = t.endpoint;
  const key = base64(t.key("p"));
  await t.client.kv.put({ key: t.key("p"), value: "1" });
  const body = `{"key":"${key}"}`;
  const length = body.length.toString(16);
  using connection = new RawConnection(address);
  connection.write(
    requestText("/v3/kv/range", { body }) + requestText("/version", { method: "GET" }),
  );
  const both = await connection.until(/"count":"1"\}[\s\S]*"storage":"3\.7\.0"\}/);
  assert.equal(both.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
  using chunked = new RawConnection(address);
  chunked.write("POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  chunked.write(`${length}\r\n${body}\r\n0\r\n\r\n`);
  await chunked.until(/"count":"1"\}/);
  using asking = new RawConnection(address);
  asking.write(
    `POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  await asking.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
  asking.write(body);
  await asking.until(/"count":"1"\}/);
});

serviceTest("HTTP: requests that were sent ahead are served one after the other", async (t) => {
  using connection = new RawConnection(t.endpoint.address);
  const key = base64(t.key("ahead"));
  const pairs = Array.from({ length: 20 }, (_, i) => {
    const value = base64(String(i));
    const put = requestText("/v3/kv/put", { body: JSON.stringify({ key, value }) });
    return put + requestText("/v3/kv/range", { body: JSON.stringify({ key }) });
  });
  connection.write(pairs.join(""));
  await connection.until(/"version":"20"/);
  const versions = [...connection.received.matchAll(/"version":"(\d+)"/g)].map(([, text]) => text);
  assert.deepEqual(versions, Array.from({ length: 20 }, (_, i) => String(i + 1)));
});

serviceTest("HTTP: HEAD has no body, and the connection goes on", async (t) => {
  using connection = new RawConnection(t.endpoint.address);
  connection.write(requestText("/v3/kv/range", { method: "HEAD" }));
  const head = await connection.until(/\r\n\r\n/);
  assert.match(head, /^HTTP\/1\.1 501 .*\r\n/);
  connection.write(requestText("/version", { method: "GET" }));
  const all = await connection.until(/"storage":"3\.7\.0"\}/);
  assert.ok(!all.includes("Method Not Allowed"));
});

serviceTest("HTTP: other upgrades than to a WebSocket are passed over", async (t) => {
  using connection = new RawConnection(t.endpoint.address);
  connection.write(
    requestText("/version", {
      method: "GET",
      headers:
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    }),
  );
  assert.match(await connection.until(/"storage"/), /^HTTP\/1\.1 200 OK\r\n/);
});

serviceTest("HTTP: what is no request ends that connection alone", async (t) => {
  const { address } = t.endpoint;
  const first = async (bytes: string) => {
    using connection = new RawConnection(address);
    connection.write(bytes);
    await connection.closed;
    return connection.received.split("\r\n")[0];
  };
  assert.equal(await first("GARBAGE\r\n\r\n"), "");
  assert.equal(await first("GET / HTTP/3.1\r\nHost: x\r\n\r\n"), "");
  assert.match(await first("GET /version HTTP/1.1\r\n\r\n") ?? "", /^HTTP\/1\.1 400 Bad Request/);
  assert.equal(
    await first("GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n"),
    "HTTP/1.1 400 Bad Request",
  );
  const flood = `GET / HTTP/1.1\r\nHost: x\r\na: ${"b".repeat(2_000_000)}`;
  // A connection that is reset while it still sends may lose the answer.
  assert.ok(
    ["", "HTTP/1.1 431 Request Header Fields Too Large"].includes(await first(flood) ?? ""),
  );
  assert.equal(
    await first("GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n"),
    "HTTP/1.1 417 Expectation Failed",
  );
  assert.equal((await httpRequest(address, "/health")).status, 200);
});
