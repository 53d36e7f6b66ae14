/** Flags: how much history is kept. */

import { AUTO_COMPACTION_MODES, CONFIG_BOUNDS } from "../../config.ts";
import { parseChoice, parseDurationMs, parseInteger, parseText } from "../values.ts";
import { DURATION, type FlagGroup } from "./flag.ts";

export const COMPACTION = {
  compactIntervalMs: {
    name: "compact-interval",
    of: ["kine"],
    placeholder: DURATION,
    default: "300s",
    help:
      "Time between automatic compactions: plain seconds or a duration such as `5m`, `1h30m`, `500ms`. " +
      "0 turns them off. No effect where `--auto-compaction-retention` is given.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.compactIntervalMs),
  },
  compactMinRetain: {
    name: "compact-min-retain",
    of: ["kine"],
    also: [{ name: "compact-retention", of: ["rhino"] }],
    placeholder: "REVISIONS",
    default: "1000",
    help: "Newest revisions that such a compaction keeps.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.compactMinRetain),
  },
  compactBatchSize: {
    name: "compact-batch-size",
    of: ["kine"],
    also: [{ name: "compaction-batch-limit", of: ["etcd"] }],
    placeholder: "ROWS",
    default: "1000",
    help:
      "Rows that one step of deleting compacted history looks at; other requests run between steps.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.compactBatchSize),
  },
  compactionSleepIntervalMs: {
    name: "compaction-sleep-interval",
    of: ["etcd"],
    placeholder: DURATION,
    default: "10ms",
    help: "Pause between two such steps.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.compactionSleepIntervalMs),
  },
  autoCompactionMode: {
    name: "auto-compaction-mode",
    of: ["etcd"],
    placeholder: AUTO_COMPACTION_MODES.join("|"),
    default: "periodic",
    help: "Whether `--auto-compaction-retention` is a time or a number of revisions.",
    parse: (text) => parseChoice(text, AUTO_COMPACTION_MODES),
  },
  autoCompactionRetention: {
    name: "auto-compaction-retention",
    of: ["etcd"],
    placeholder: "RETENTION",
    default: "",
    help:
      "Compact as etcd does, instead of by `--compact-interval`: keep the history of so many hours, or of a duration such " +
      "as `30m`, or so many revisions. 0 turns automatic compaction off.",
    parse: parseText,
  },
} satisfies FlagGroup;
