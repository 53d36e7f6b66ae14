/** Redis over TLS, with the authority's certificate in the endpoint: a backend in a sandbox may read no file. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { OPEN_OPTIONS, range } from "../../backends/conformance/subject.ts";
import { BackendError } from "../../backends/contract.ts";
import { open } from "../../examples/redis/mod.ts";
import { put } from "../contract/fault_parts.ts";
import { makeCertificates, whyNoCertificates } from "../support/certificates.ts";
import { RedisServer } from "../support/databases/redis_server.ts";
import { isRedisMissing } from "./redis_case.ts";

Deno.test({
  name: "redis: TLS is by the authority in the endpoint, and no other",
  ignore: isRedisMissing || whyNoCertificates() !== undefined,
  async fn() {
    await using certificates = await makeCertificates();
    const { authority, impostor, server: tls } = certificates;
    await using server = await RedisServer.start({ tls, appendfsync: "no" });
    const url = async (cert: string) => {
      const ca = Buffer.from(await Deno.readTextFile(cert)).toString("base64url");
      return `rediss://127.0.0.1:${server.port}/?ca=${ca}`;
    };
    const backend = await open(await url(authority.cert), OPEN_OPTIONS);
    await put(backend, "a");
    assert.equal((await range(backend)).kvs.length, 1);
    await backend.close();
    for (const wrong of [await url(impostor.cert), `rediss://127.0.0.1:${server.port}`]) {
      await assert.rejects(open(wrong, OPEN_OPTIONS), (error) => {
        assert.ok(error instanceof BackendError && error.kind === "unusable");
        assert.match(error.message, /^Cannot use Redis at 127\.0\.0\.1:\d+: .*certificate/);
        return true;
      });
    }
    const plain = `redis://127.0.0.1:${server.port}`;
    await assert.rejects(open(plain, OPEN_OPTIONS), /^BackendError: Cannot use Redis at .*: /);
  },
});
