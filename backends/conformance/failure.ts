/** From what a fact threw to a few lines for whoever writes the backend. */

import { AssertionError } from "node:assert/strict";
import { inspect, stripVTControlCharacters } from "node:util";
import { BackendError } from "../contract.ts";

const LINES_MAX = 6;
const LINE_LENGTH_MAX = 300;

/** What was found and expected, and where the fact says so; or what the backend failed with. */
export function describeFailure(error: unknown): string[] {
  const place = placeIn(error);
  const lines = textOf(error).split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return [
    ...lines.slice(0, LINES_MAX).map(shorten),
    ...(lines.length > LINES_MAX ? ["…"] : []),
    ...(place === null ? [] : [`at ${place}`]),
  ];
}

function textOf(error: unknown): string {
  if (error instanceof AssertionError) return stripVTControlCharacters(textOfAssertion(error));
  if (error instanceof BackendError) return `a call failed with "${error.kind}": ${error.message}`;
  if (!(error instanceof Error)) {
    return `the backend threw ${show(error)}, which is no BackendError`;
  }
  // Ours, such as of a fact that took too long.
  if (error.name === "Error") return error.message;
  return `${error.name}: ${error.message}`;
}

function textOfAssertion(error: AssertionError): string {
  // node:assert shows the difference line by line; here both are short enough to stand side by side.
  if (/^(deep)?strictEqual$/i.test(error.operator)) {
    const what = error.generatedMessage ? "" : `${error.message.split("\n", 1)[0]}: `;
    return `${what}found ${show(error.actual)}, expected ${show(error.expected)}`;
  }
  const condition = /assert\.ok\(([\s\S]*)\)\s*$/.exec(error.message)?.[1];
  return condition === undefined ? error.message : `does not hold: ${condition}`;
}

function show(value: unknown): string {
  return inspect(value, {
    breakLength: Infinity,
    compact: true,
    depth: 4,
    maxArrayLength: 12,
    maxStringLength: 80,
  });
}

function shorten(line: string): string {
  return line.length > LINE_LENGTH_MAX ? `${line.slice(0, LINE_LENGTH_MAX)}…` : line;
}

/** The line of the fact that failed, or else the first of the backend. */
function placeIn(error: unknown): string | null {
  const stack = error instanceof Error ? error.stack ?? "" : "";
  const frames = [...stack.matchAll(/([^\s(/]+\.[jt]s):(\d+):\d+/g)];
  const isDefect = error instanceof Error && !["Error", "AssertionError"].includes(error.name);
  const found = frames.find(([, file]) => file?.endsWith("_facts.ts")) ??
    (isDefect ? frames[0] : undefined);
  return found === undefined ? null : `${found[1]}:${found[2]}`;
}
