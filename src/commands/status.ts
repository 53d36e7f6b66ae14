/** `rhino status`: shows a live server in the terminal. */

import { setTimeout as pause } from "node:timers/promises";
import type { SubcommandCall } from "../cli/subcommands.ts";
import { UsageError } from "../cli/usage_error.ts";
import { parseDurationMs } from "../cli/values.ts";
import { messageOf } from "../errors.ts";
import { askPage } from "./asking.ts";
import { Exposition } from "./exposition.ts";
import { probeOf, type ServerProbe } from "./server_probe.ts";
import { type MemberLine, type Scrape, statusText } from "./status_view.ts";
import { print, printError } from "./terminal.ts";

const EXIT_UNREACHABLE = 1;
/** A page of metrics is some 100 KiB. */
const METRICS_LENGTH_MAX = 4 * 1024 * 1024;
const MEMBERS_LENGTH_MAX = 256 * 1024;
const INTERVAL_MS = { min: 100, max: 3_600_000, usual: 1_000 };
/** From the top left, and what lies below is cleared. */
const REDRAW = "\x1b[H\x1b[J";

/** Shows the server until Ctrl+C, or once; answers the exit code. */
export async function run(call: SubcommandCall): Promise<number> {
  const probe = probeOf(call);
  const place = probe.socketPath === "" ? probe.origin : probe.socketPath;
  const intervalMs = intervalOf(call.own.values["interval"]);
  const isLive = Deno.stdout.isTerminal() && call.own.values["once"] === undefined;
  let before: Scrape;
  try {
    before = await scrape(probe);
  } catch (error) {
    printError(`Cannot show the status of ${place}: ${messageOf(error)}\n`);
    return EXIT_UNREACHABLE;
  }
  do {
    await pause(intervalMs);
    try {
      const after = await scrape(probe);
      print((isLive ? REDRAW : "") + statusText(before, after, place));
      before = after;
    } catch (error) {
      // A server that is started again is worth waiting for.
      const text = `${place} does not answer: ${messageOf(error)}\n`;
      if (!isLive) printError(text);
      else print(REDRAW + text);
      if (!isLive) return EXIT_UNREACHABLE;
    }
  } while (isLive); // Ends with Ctrl+C.
  return 0;
}

function intervalOf(text: string | undefined): number {
  if (text === undefined) return INTERVAL_MS.usual;
  try {
    return parseDurationMs(text, INTERVAL_MS);
  } catch (error) {
    throw new UsageError(`--interval is "${text}": ${messageOf(error)}`);
  }
}

async function scrape(probe: ServerProbe): Promise<Scrape> {
  const page = await askPage(probe, { path: "/metrics", lengthMax: METRICS_LENGTH_MAX });
  if (page.status !== 200) throw new Error(`/metrics answers with ${page.status}`);
  return { atMs: Date.now(), metrics: new Exposition(page.body), members: await members(probe) };
}

/** Not told where only metrics are served, or where the gateway is off: their number is among the metrics. */
async function members(probe: ServerProbe): Promise<MemberLine[]> {
  const path = "/v3/cluster/member/list";
  try {
    const { status, body } = await askPage(probe, {
      path,
      json: "{}",
      lengthMax: MEMBERS_LENGTH_MAX,
    });
    return status === 200 ? membersIn(JSON.parse(body)) : [];
  } catch {
    return [];
  }
}

function membersIn(answer: unknown): MemberLine[] {
  const { members = [] } = answer as {
    readonly members?: readonly {
      readonly ID?: string;
      readonly name?: string;
      readonly clientURLs?: readonly string[];
    }[];
  };
  return members.map(({ ID = "0", name = "", clientURLs = [] }) => ({
    id: BigInt(ID).toString(16),
    name,
    clientUrls: clientURLs,
  }));
}
