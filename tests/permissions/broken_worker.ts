/** See `broken_server.ts`. */

/// <reference lib="deno.worker" />

const isHanging = import.meta.url.endsWith("#hangs");

self.onmessage = () => {
  if (!isHanging) throw new Error("it broke");
  Deno.stderr.writeSync(new TextEncoder().encode("ready to serve client requests address=none\n"));
  // For ever.
  for (;;);
};
self.postMessage({ isLoaded: true });
