/** Flags: the log, and where settings come from. */

import { LOG_FORMATS, LOG_LEVELS } from "../../config.ts";
import { parseLogOutputs } from "../log_settings.ts";
import { parseChoice, parseText, parseTruth } from "../values.ts";
import { DEFAULT_SETTINGS, type FlagGroup, TRUTH } from "./flag.ts";

export const LOGGING = {
  logLevel: {
    name: "log-level",
    of: ["etcd"],
    placeholder: LOG_LEVELS.join("|"),
    default: "info",
    help: "Least level that is logged. `debug` adds stack traces to errors.",
    parse: (text) => parseChoice(text.toLowerCase(), LOG_LEVELS),
  },
  debug: {
    name: "debug",
    of: ["kine"],
    placeholder: TRUTH,
    default: "false",
    help: "The same as `--log-level=debug`.",
    parse: parseTruth,
  },
  logFormat: {
    name: "log-format",
    of: ["etcd", "kine"],
    placeholder: LOG_FORMATS.join("|"),
    default: "plain",
    help:
      "Log lines to read, one JSON object a line as etcd writes them by default, or etcd's lines to read.",
    parse: (text) => parseChoice(text, LOG_FORMATS),
  },
  logOutputs: {
    name: "log-outputs",
    of: ["etcd"],
    placeholder: "TARGET,…",
    default: "default",
    help:
      "Where the log goes: `stderr`, which is the default, `stdout`, paths of files, which are appended to, or " +
      "`systemd/journal`, which is standard error with the journal's marks of the level.",
    parse: parseLogOutputs,
  },
  enableLogRotation: {
    name: "enable-log-rotation",
    of: ["etcd"],
    placeholder: TRUTH,
    default: "false",
    help: "Puts the log file aside when it is large; there must be exactly one in `--log-outputs`.",
    parse: parseTruth,
  },
  logRotationConfigJson: {
    name: "log-rotation-config-json",
    of: ["etcd"],
    placeholder: "JSON",
    default: DEFAULT_SETTINGS.logRotationConfigJson,
    help:
      "When it is large (`maxsize`, MiB), and how long (`maxage`, days) and how many (`maxbackups`) files are kept; 0 is " +
      "for ever and all. `localtime` names them by it, `compress` makes gzip files of them.",
    parse: parseText,
  },
  configFile: {
    name: "config-file",
    of: ["etcd"],
    placeholder: "PATH",
    default: "",
    help:
      "A file in YAML or JSON with etcd's settings, which are then taken from it alone: etcd's flags and variables have no " +
      "effect. Flags that etcd does not have, such as `--endpoint`, go on to work, and may stand in the file too.",
    parse: parseText,
  },
} satisfies FlagGroup;
