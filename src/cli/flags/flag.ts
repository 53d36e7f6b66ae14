/** What a flag is, and what flags set. */

import { type AutoCompactionMode, type Config, DEFAULT_CONFIG } from "../../config.ts";

/** Whose name it is: the same name can mean one thing to etcd and another to kine. */
export type Dialect = "rhino" | "etcd" | "kine";

/** Everything that flags set: the config, and what the process makes a config of. */
export interface Settings extends Omit<Config, "logRotation" | "autoCompaction"> {
  readonly autoCompactionMode: AutoCompactionMode;
  /** Empty for not given. */
  readonly autoCompactionRetention: string;
  /** Folder of the data where no endpoint is given; empty for etcd's default. */
  readonly dataDir: string;
  /** Whence etcd's settings come instead of flags and variables; empty for none. */
  readonly configFile: string;
  /** Files for the connection to the database server, PEM; empty for none. */
  readonly databaseCaFile: string;
  readonly databaseCertFile: string;
  readonly databaseKeyFile: string;
  readonly databaseSkipVerify: boolean;
  /** kine's place for metrics; empty for none. */
  readonly metricsBindAddress: string;
  readonly metricsIgnoreTlsConfig: boolean;
  readonly debug: boolean;
  readonly enableLogRotation: boolean;
  readonly logRotationConfigJson: string;
}

/** lumberjack's, as etcd has it. */
const LOG_ROTATION =
  `{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}`;

const { logRotation: _rotation, autoCompaction: _compaction, ...DEFAULTS } = DEFAULT_CONFIG;

export const DEFAULT_SETTINGS: Settings = {
  ...DEFAULTS,
  autoCompactionMode: "periodic",
  autoCompactionRetention: "",
  dataDir: "",
  configFile: "",
  databaseCaFile: "",
  databaseCertFile: "",
  databaseKeyFile: "",
  databaseSkipVerify: false,
  metricsBindAddress: "",
  metricsIgnoreTlsConfig: false,
  debug: false,
  enableLogRotation: false,
  logRotationConfigJson: LOG_ROTATION,
};

/** One flag that sets one value. */
export interface Flag<Key extends keyof Settings = keyof Settings> {
  /** Without its dashes; of Rhino, whoever else has it. */
  readonly name: string;
  /** Who else has the name. */
  readonly of?: readonly Dialect[];
  /** Further names, and whose they are. */
  readonly also?: readonly Alias<Key>[];
  readonly key: Key;
  /** What stands for the value in `--help`. */
  readonly placeholder: string;
  /** As one would write it; it parses to the default. Empty if there is none, or if it is derived. */
  readonly default: string;
  /** One sentence or a few, in Markdown without line breaks. */
  readonly help: string;
  /** Given several times, each adds to the others. Its value is a list. */
  readonly isRepeatable?: boolean;
  /** @throws {RangeError} that says what was expected. */
  readonly parse: (text: string) => Settings[Key];
}

export interface Alias<Key extends keyof Settings = keyof Settings> {
  readonly name: string;
  readonly of: readonly Dialect[];
  /** Where the name's values are written differently. */
  readonly parse?: (text: string) => Settings[Key];
}

/** A flag for each setting: the compiler asks for one when a setting is added. */
export type FlagTable = { readonly [Key in keyof Settings]: Omit<Flag<Key>, "key"> };

/** Some of them. */
export type FlagGroup = Partial<FlagTable>;

/** Placeholder of the flags that may stand alone, which then means `true`. */
export const TRUTH = "true|false";
/** Placeholder of the flags that etcd's config file counts in nanoseconds. */
export const DURATION = "DURATION";
