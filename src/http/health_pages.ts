/** /health, /livez and /readyz, for probes: the words and the order of the checks are etcd's. */

import { messageOf } from "../errors.ts";
import { type Exchange, refuseUnlessGet, reply, replyText } from "./exchange.ts";
import type { Page } from "./pages.ts";

/** What the server knows of its own health. */
export interface HealthChecks {
  /** Names of the active alarms, such as `NOSPACE`. */
  alarms(): readonly string[];
  /** Whether some server leads, or would with a store that can be reached. */
  hasLeader(): boolean;
  /** Reads any key; throws the reason if that fails. */
  read(options: { readonly serializable: boolean }): Promise<void>;
}

/** Is told what came of each check; for metrics. */
export type HealthObserver = (
  check: {
    readonly type: "health" | "livez" | "readyz";
    /** Empty for `health`, which is one. */
    readonly name: string;
    readonly isOk: boolean;
  },
) => void;

export interface HealthPagesOptions {
  readonly checks: HealthChecks;
  readonly observe: HealthObserver | undefined;
}

type Check = (checks: HealthChecks) => Promise<void> | void;

const readAnything: Check = (checks) => checks.read({ serializable: true });

const LIVEZ: Readonly<Record<string, Check>> = { serializable_read: readAnything };

const READYZ: Readonly<Record<string, Check>> = {
  data_corruption(checks) {
    if (checks.alarms().includes("CORRUPT")) throw new Error("alarm activated: CORRUPT");
  },
  serializable_read: readAnything,
  linearizable_read: (checks) => checks.read({ serializable: false }),
  // No member of Rhino is one.
  non_learner() {},
};

/** Path → page. */
export function healthPages(options: HealthPagesOptions): [path: string, page: Page][] {
  return [
    ["/health", (exchange, query) => health(exchange, { query, options })],
    ...checkPages("livez", { checks: LIVEZ, options }),
    ...checkPages("readyz", { checks: READYZ, options }),
  ];
}

interface HealthRequest {
  readonly query: URLSearchParams;
  readonly options: HealthPagesOptions;
}

async function health(
  exchange: Exchange,
  { query, options: { checks, observe } }: HealthRequest,
): Promise<void> {
  if (refuseUnlessGet(exchange)) return;
  const reason = await troubleOf(checks, query);
  observe?.({ type: "health", name: "", isOk: reason === "" });
  const body = JSON.stringify({ health: String(reason === ""), reason });
  // etcd leaves the type to Go's guess.
  if (reason === "") reply(exchange, { type: "text/plain; charset=utf-8", body });
  else replyText(exchange, { status: 503, text: body });
}

const ALARMS: ReadonlySet<string> = new Set(["NOSPACE", "CORRUPT"]);

/** Why the server is not healthy, empty if it is. */
async function troubleOf(checks: HealthChecks, query: URLSearchParams): Promise<string> {
  const excluded = query.getAll("exclude");
  const alarm = checks.alarms().find((name) => !excluded.includes(name));
  if (alarm !== undefined) return `ALARM ${ALARMS.has(alarm) ? alarm : "UNKNOWN"}`;
  const serializable = query.get("serializable") === "true";
  if (!serializable && !checks.hasLeader()) return "RAFT NO LEADER";
  try {
    await checks.read({ serializable });
    return "";
  } catch (error) {
    return `RANGE ERROR:${messageOf(error)}`;
  }
}

interface CheckPagesOptions {
  readonly checks: Readonly<Record<string, Check>>;
  readonly options: HealthPagesOptions;
}

/** All checks together, and each alone below. */
function checkPages(
  type: "livez" | "readyz",
  { checks, options }: CheckPagesOptions,
): [path: string, page: Page][] {
  const names = Object.keys(checks);
  async function serve(exchange: Exchange, chosen: readonly string[], isVerbose: boolean) {
    if (refuseUnlessGet(exchange)) return;
    const lines: string[] = [];
    let isOk = true;
    for (const name of chosen) {
      const trouble = await outcomeOf(() => checks[name]?.(options.checks));
      options.observe?.({ type, name, isOk: trouble === undefined });
      if (trouble === undefined) lines.push(`[+]${name} ok\n`);
      else [isOk] = [false, lines.push(`[-]${name} failed: ${trouble}\n`)];
    }
    const report = lines.join("");
    if (!isOk) return replyText(exchange, { status: 503, text: report });
    replyText(exchange, { status: 200, text: `${isVerbose ? report : ""}ok` });
  }
  const all: Page = (exchange, query) => {
    const excluded = query.getAll("exclude");
    const chosen = names.filter((name) => !excluded.includes(name));
    return serve(exchange, chosen, query.has("verbose"));
  };
  const single = (name: string): Page => (exchange, query) =>
    serve(exchange, [name], query.has("verbose"));
  return [
    [`/${type}`, all],
    ...names.map((name): [string, Page] => [`/${type}/${name}`, single(name)]),
  ];
}

/** What a check failed with; undefined if it did not. */
async function outcomeOf(check: () => Promise<void> | void): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
