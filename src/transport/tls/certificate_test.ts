import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { holdsName, readCertificate } from "./certificate.ts";
import { pemBlocks } from "./pem.ts";
import { makeSelfSigned } from "./self_signed.ts";

const NOW_MS = Date.parse("2026-11-25T12:00:00Z");
const HOSTS = ["localhost", "127.0.0.1", "2001:db8::7", "a.example"];

function make(hosts: readonly string[] = HOSTS) {
  const pem = makeSelfSigned({ hosts, validityYears: 2, nowMs: NOW_MS });
  const [bytes] = pemBlocks(pem.cert, "CERTIFICATE");
  assert.ok(bytes !== undefined);
  return { ...pem, bytes };
}

/** By openssl: CN=first, CN=last, O=x, and names that are none of DNS or IP. */
const TWO_NAMES = `-----BEGIN CERTIFICATE-----
MIIB7jCCAZSgAwIBAgIUMbjumPWhRmKDQPfFeJ8msC322mEwCgYIKoZIzj0EAwIw
MzEOMAwGA1UEAwwFZmlyc3QxFTATBgNVBAMMDGxhc3QsIE89cm9vdDEKMAgGA1UE
CgwBeDAeFw0yNjExMjUyMjUyMzZaFw0zNjExMjIyMjUyMzZaMDMxDjAMBgNVBAMM
BWZpcnN0MRUwEwYDVQQDDAxsYXN0LCBPPXJvb3QxCjAIBgNVBAoMAXgwWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAAS5WHK+HXgCHze0PSRjbViNxtQ7rhdiPdQFCVzi
BjpYCi53g/k2M96ldAlgpe4oh5hTgKY6Rqq4OUnQK9wkU3dgo4GFMIGCMB0GA1Ud
DgQWBBQnrQr4w+TpGKteDIaZqcMFRvWY8DAfBgNVHSMEGDAWgBQnrQr4w+TpGKte
DIaZqcMFRvWY8DAPBgNVHRMBAf8EBTADAQH/MC8GA1UdEQQoMCaBDnJvb3RAeC5l
eGFtcGxlggl4LmV4YW1wbGWGCWh0dHBzOi8veDAKBggqhkjOPQQDAgNIADBFAiBd
CbH/tDCLIkfNZGrQiMvjmua/Z6kbsOaPz2X3YkVYqwIhAP52FW714YCkYMJmijYt
ZNU0J9clARcqo35N4laix1t4
-----END CERTIFICATE-----`;

Deno.test("a certificate that makeSelfSigned() makes is one, of its key", () => {
  const { cert, key } = make();
  const made = new X509Certificate(cert);
  assert.equal(made.checkPrivateKey(createPrivateKey(key)), true);
  assert.equal(made.subject, "O=etcd");
  assert.equal(made.ca, true);
  assert.match(made.subjectAltName ?? "", /DNS:localhost, IP Address:127\.0\.0\.1/);
});

Deno.test("readCertificate() reads what makeSelfSigned() wrote", () => {
  const { cert, bytes } = make();
  const facts = readCertificate(bytes);
  assert.equal(facts.version, 3);
  assert.equal(facts.serial, new X509Certificate(cert).serialNumber.toLowerCase());
  assert.equal(facts.commonName, "");
  assert.equal(facts.notBeforeMs, NOW_MS);
  assert.equal(facts.notAfterMs, NOW_MS + 2 * 365 * 86_400_000);
  assert.deepEqual(facts.dnsNames, ["localhost", "a.example"]);
  assert.deepEqual(facts.ipAddresses.map((one) => one.byteLength), [4, 16]);
});

Deno.test("of several common names the last one counts, as with Go", () => {
  const [bytes = new Uint8Array()] = pemBlocks(TWO_NAMES, "CERTIFICATE");
  const facts = readCertificate(bytes);
  assert.equal(facts.commonName, "last, O=root");
  assert.deepEqual(facts.dnsNames, ["x.example"]);
});

Deno.test("readCertificate() throws a RangeError for anything else, and ends", () => {
  const { bytes } = make();
  for (let length = 0; length < bytes.byteLength; length++) {
    assert.throws(() => readCertificate(bytes.subarray(0, length)), RangeError);
  }
  for (let at = 0; at < bytes.byteLength; at++) {
    const broken = Buffer.from(bytes);
    broken[at] = (broken[at] ?? 0) ^ 0xff;
    try {
      readCertificate(broken);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
  }
});

Deno.test("holdsName() finds names and addresses as Go's VerifyHostname does", () => {
  const facts = readCertificate(make([...HOSTS, "*.wild.example", "Upper.Example"]).bytes);
  const cases: [string, boolean][] = [
    ["localhost", true],
    ["LOCALHOST.", true],
    ["127.0.0.1", true],
    ["::ffff:127.0.0.1", true],
    ["127.0.0.2", false],
    ["2001:db8::7", true],
    ["[2001:0db8:0:0::7]", true],
    ["2001:db8::8", false],
    ["a.example", true],
    ["b.a.example", false],
    ["example", false],
    ["x.wild.example", true],
    ["x.y.wild.example", false],
    ["wild.example", false],
    ["upper.example", true],
    ["etcd", false],
    ["", false],
  ];
  for (const [name, expected] of cases) assert.equal(holdsName(facts, name), expected, name);
});
