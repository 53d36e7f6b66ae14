/** From the log's flags to where it goes, and when its file is put aside. */

import { LOG_STREAMS, type LogRotation } from "../config.ts";
import { parseList } from "./values.ts";

/** @throws {RangeError} for what etcd refuses as well */
export function parseLogOutputs(text: string): string[] {
  const outputs = [...new Set(parseList(text))];
  if (outputs.length === 0) return ["default"];
  for (const alone of ["default", "systemd/journal"]) {
    if (outputs.length > 1 && outputs.includes(alone)) {
      throw new RangeError(`expected ${alone} to be the only output`);
    }
  }
  return outputs;
}

/** Outputs that are files. */
export function logFiles(outputs: readonly string[]): string[] {
  return outputs.filter((output) => !LOG_STREAMS.some((stream) => stream === output));
}

/** lumberjack's names, in any case, as Go reads them. */
const FIELDS: Readonly<Record<string, keyof LogRotation>> = {
  maxsize: "maxSize",
  maxage: "maxAge",
  maxbackups: "maxBackups",
  localtime: "localTime",
  compress: "compress",
};

const NO_ROTATION: LogRotation = {
  maxSize: 100,
  maxAge: 0,
  maxBackups: 0,
  localTime: false,
  compress: false,
};

/** @throws {RangeError} that says what was expected */
export function parseLogRotation(json: string): LogRotation {
  const rotation: Record<keyof LogRotation, number | boolean> = { ...NO_ROTATION };
  for (const [name, value] of Object.entries(parseObject(json))) {
    const field = FIELDS[name.toLowerCase()];
    if (field === undefined || value === null) continue;
    const isFit = typeof rotation[field] === "boolean"
      ? typeof value === "boolean"
      : Number.isSafeInteger(value) && Number(value) >= 0;
    if (!isFit) throw new RangeError(`expected another value of ${name}`);
    rotation[field] = value as number | boolean;
  }
  // Each was checked to be of the type that was there before.
  return rotation as unknown as LogRotation;
}

function parseObject(json: string): object {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new RangeError("expected JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RangeError("expected a JSON object");
  }
  return value;
}
