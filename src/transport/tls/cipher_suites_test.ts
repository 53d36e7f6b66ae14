import assert from "node:assert/strict";
import { cipherRule } from "./cipher_suites.ts";
import { checkTlsSettings } from "./tls_front.ts";

Deno.test("cipherRule() allows all suites when none is named", () => {
  assert.deepEqual(cipherRule([]), { allowed: undefined, unavailable: [] });
});

Deno.test("cipherRule() takes Go's names, the older ones too", () => {
  const { allowed, unavailable } = cipherRule([
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_AES_128_GCM_SHA256",
  ]);
  assert.deepEqual([...allowed ?? []], ["ECDHE-RSA-CHACHA20-POLY1305"]);
  assert.deepEqual(unavailable, ["TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_AES_128_GCM_SHA256"]);
});

Deno.test("settings that make no sense are refused in etcd's words", () => {
  const good = { cipherSuites: [], minVersion: "TLS1.2", maxVersion: "" } as const;
  checkTlsSettings(good);
  const cases = [
    [{ cipherSuites: ["constructor"] }, 'unexpected TLS cipher suite "constructor"'],
    [
      { minVersion: "TLS1.3", maxVersion: "TLS1.2" },
      "min version (TLS1.3) is greater than max version (TLS1.2)",
    ],
    [
      { minVersion: "TLS1.3", cipherSuites: ["TLS_RSA_WITH_RC4_128_SHA"] },
      "cipher suites cannot be configured when only TLS1.3 is enabled",
    ],
    [
      { maxVersion: "TLS1.2", cipherSuites: ["TLS_RSA_WITH_RC4_128_SHA"] },
      "cipher suites: none of TLS_RSA_WITH_RC4_128_SHA is available",
    ],
  ] as const;
  for (const [settings, message] of cases) {
    assert.throws(() => checkTlsSettings({ ...good, ...settings }), { message });
  }
});
