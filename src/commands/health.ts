/** `rhino health`: asks a server whether it is well. */

import type { SubcommandCall } from "../cli/subcommands.ts";
import { messageOf } from "../errors.ts";
import { askPage } from "./asking.ts";
import { probeOf, type ServerProbe } from "./server_probe.ts";
import { print, printError } from "./terminal.ts";

const EXIT_UNHEALTHY = 1;
/** What is read of an answer. */
const ANSWER_LENGTH_MAX = 64 * 1024;
/** What is shown of it. */
const SHOWN_LENGTH_MAX = 1_000;

/** Prints one line, and answers the exit code. */
export async function run(call: SubcommandCall): Promise<number> {
  const { isWell, text } = await askHealth(probeOf(call));
  if (isWell) print(`${text}\n`);
  else printError(`${text}\n`);
  return isWell ? 0 : EXIT_UNHEALTHY;
}

interface Health {
  readonly isWell: boolean;
  /** One line for whoever asked. */
  readonly text: string;
}

async function askHealth(probe: ServerProbe): Promise<Health> {
  const url = `${probe.origin}/health`;
  const place = probe.socketPath === "" ? url : `${probe.socketPath} ${url}`;
  try {
    const { status, body } = await askPage(probe, {
      path: "/health",
      lengthMax: ANSWER_LENGTH_MAX,
    });
    const isWell = status === 200 && isHealthy(body);
    const answer = body.trim().replaceAll(/\s+/g, " ").slice(0, SHOWN_LENGTH_MAX);
    return {
      isWell,
      text: `${place} is ${isWell ? "healthy" : "unhealthy"}: ${status} ${answer}`.trim(),
    };
  } catch (error) {
    const reason = messageOf(error).replaceAll(/\s+/g, " ");
    return { isWell: false, text: `${place} is unhealthy: ${reason}` };
  }
}

/** `{"health":"true","reason":""}` */
function isHealthy(body: string): boolean {
  try {
    const answer: unknown = JSON.parse(body);
    return typeof answer === "object" && answer !== null && "health" in answer &&
      String(answer.health) === "true";
  } catch {
    return false;
  }
}
