/** How a command opens a store: as the server would. */
import type { OpenOptions } from "../../backends/contract.ts";
import type { BackendChoice } from "../../backends/registry.ts";
import { wallClock } from "../clocks.ts";
import type { Config } from "../config.ts";
import { randomId } from "../identity.ts";
import { LEASE_GAP_MS } from "../limits.ts";
import { redactSecrets } from "../log_text.ts";

/** @param say told warnings, in one line each */
export function openOptionsOf(config: Config, say: (text: string) => void): OpenOptions {
  return {
    now: wallClock(),
    randomId,
    log(level, message, fields = {}) {
      if (level === "debug" || level === "info") return;
      const more = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
      say(redactSecrets([`${level}: ${message}`, ...more].join(" ")));
    },
    maxConnections: config.maxConnections,
    createSchema: !config.noCreate,
    leaseGapMs: LEASE_GAP_MS,
    unsafeNoSync: config.unsafeNoFsync,
  };
}

/** A store that is named instead of the server's own. */
export function choiceOf(config: Config, endpoint: string | undefined): BackendChoice {
  return { ...config, endpoint: endpoint ?? config.endpoint };
}
