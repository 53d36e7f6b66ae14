/** A thread that asks for the certificate of a data folder, as another server would. */

/// <reference lib="deno.worker" />

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { autoTlsFiles } from "../auto_tls.ts";

self.onmessage = ({ data: dataFolder }: MessageEvent<string>) => {
  const { certFile, keyFile } = autoTlsFiles({
    dataFolder,
    urls: [{ scheme: "https", host: "127.0.0.1", port: 0 }],
    validityYears: 1,
    nowMs: Date.now(),
    log: () => {},
  });
  const cert = readFileSync(certFile, "latin1");
  const isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(readFileSync(keyFile)));
  self.postMessage(isPair ? cert : "the key does not belong to the certificate");
};
self.postMessage("ready");
