import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { pemBlocks } from "./pem.ts";
import { revokedSerials } from "./revocation_list.ts";
import { makeSelfSigned } from "./self_signed.ts";

/** By openssl, with the serial numbers below. */
const LIST = `-----BEGIN X509 CRL-----
MIGpMFAwCgYIKoZIzj0EAwIwDTELMAkGA1UEAwwCY2EXDTI2MTEyNTIyMjUyNFoX
DTI2MTIyNTIyMjUyNFowFTATAgIQBBcNMjYxMTI1MjIyNTI0WjAKBggqhkjOPQQD
AgNJADBGAiEAvLgpxLRz1bh/iQ3c3Go5DIy6jE4+yUJ6BaMod9YYDa0CIQD2nZNt
nblXyaFE7S9duoOi5X9Gyf2R223dnM7nKB+fQQ==
-----END X509 CRL-----`;
const SERIALS = ["1004"];

Deno.test("revokedSerials() reads lists as PEM or DER", () => {
  const [bytes = new Uint8Array()] = pemBlocks(LIST, "X509 CRL");
  assert.deepEqual([...revokedSerials(Buffer.from(LIST))], SERIALS);
  assert.deepEqual([...revokedSerials(Buffer.from(bytes))], SERIALS);
  assert.deepEqual([...revokedSerials(Buffer.from(`${LIST}\n${LIST}`))], SERIALS);
});

Deno.test("revokedSerials() throws a RangeError for anything else", () => {
  const { cert } = makeSelfSigned({ hosts: [], validityYears: 1, nowMs: 0 });
  const [certificate = new Uint8Array()] = pemBlocks(cert, "CERTIFICATE");
  const [list = new Uint8Array()] = pemBlocks(LIST, "X509 CRL");
  const others = [new Uint8Array(), Buffer.from(cert), certificate, list.subarray(0, 80)];
  for (const bytes of others) {
    assert.throws(() => revokedSerials(Buffer.from(bytes)), RangeError);
  }
});
