/** The one log: lines to read or JSON lines, with secrets cut out of all. */

import { pino } from "pino";
import type { LogFormat, LogLevel, LogThreshold } from "./config.ts";
import { openLogOutputs, type WriteLine } from "./log_outputs.ts";
import { errorText, redactSecrets } from "./log_text.ts";

/** One line for the operator. Fields hold strings, numbers, booleans, bigints, errors, and lists of these. */
export type Log = (
  level: LogLevel,
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

export interface LogOptions {
  readonly level: LogThreshold;
  readonly format: LogFormat;
  /** Takes whole lines with their line breaks. Default: standard error. */
  readonly write?: WriteLine;
}

const LINES: Readonly<Record<LogFormat, (json: string) => string>> = {
  json: (json) => json,
  plain: plainLine,
  console: consoleLine,
};

export function createLog({ level, format, write = writeToStderr }: LogOptions): Log {
  // Synchronous and without pino's worker transports: they would need permissions of their own, and the last line
  // before the process ends would be lost.
  const logger = pino(
    {
      // Lines above errors are not written, so the two levels there are one.
      level: level === "panic" ? "fatal" : level,
      base: null,
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => write(LINES[format](line)) },
  );
  const withStacks = logger.isLevelEnabled("debug");
  return (lineLevel, message, fields = {}) => {
    if (!logger.isLevelEnabled(lineLevel)) return;
    logger[lineLevel](loggableFields(fields, { withStacks }), redactSecrets(message));
  };
}

const writeToStderr = openLogOutputs({ outputs: ["stderr"], rotation: null });

/** The level, time and message are pino's; a field of the same name would make a second one in the same line. */
const RESERVED_FIELDS: ReadonlySet<string> = new Set(["level", "ts", "msg"]);

function loggableFields(
  fields: Readonly<Record<string, unknown>>,
  { withStacks }: { withStacks: boolean },
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    result[RESERVED_FIELDS.has(name) ? `${name}_` : name] = loggable(value);
    if (withStacks && value instanceof Error) result["stack"] = redactSecrets(value.stack ?? "");
  }
  return result;
}

function loggable(value: unknown): unknown {
  if (typeof value === "string") return redactSecrets(value);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return redactSecrets(errorText(value));
  if (Array.isArray(value)) return value.map(loggable);
  return value;
}

/** `2026-11-22T12:00:00.000Z INFO ready to serve client requests address=127.0.0.1:2379` */
function plainLine(json: string): string {
  // pino made the line a moment ago, from the fields set above.
  const { level, ts, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${plainValue(value)}`);
  return `${ts} ${String(level).toUpperCase()} ${onOneLine(String(msg))}${pairs.join("")}\n`;
}

/** etcd's lines to read: `2026-11-22T12:00:00.000Z<tab>info<tab>ready to serve client requests<tab>{"address":…}` */
function consoleLine(json: string): string {
  const { level, ts, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const parts = [ts, level, onOneLine(String(msg))];
  if (Object.keys(fields).length > 0) parts.push(JSON.stringify(fields));
  return `${parts.join("\t")}\n`;
}

function plainValue(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return /^[^\s"=]+$/.test(value) && onOneLine(value) === value ? value : JSON.stringify(value);
}

/** Control characters could start a line of their own, or move the cursor of a terminal. */
function onOneLine(text: string): string {
  return text.replaceAll(
    /\p{Cc}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
