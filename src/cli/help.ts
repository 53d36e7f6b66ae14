/** The flags as text: for `--help`, and for docs/configuration.md. */

import { FLAGS, SWITCHES, variableOf } from "./flags.ts";
import type { Flag } from "./flags/flag.ts";
import type { OwnFlag } from "./own_arguments.ts";
import { IGNORED } from "./ignored.ts";
import { type Subcommand, SUBCOMMANDS } from "./subcommands.ts";

const LINE_WIDTH = 100;
const INDENT = " ".repeat(6);

const NAMED: readonly (readonly [name: string, subcommand: Subcommand])[] = Object.entries(
  SUBCOMMANDS,
);

export function helpText(): string {
  const parts = [
    "Rhino: an etcd server whose data lives in SQL.\n",
    `Usage: ${["rhino [flags]", ...NAMED.map(usageOf)].join("\n       ")}\n`,
    wrapped(
      "Flags; each also as an environment variable, over which the flag wins. etcd's are read from ETCD_… too, and " +
        "kine's from KINE_….\n",
      "",
    ),
    ...FLAGS.map(helpOfFlag),
    ...SWITCHES.map(({ name, help }) => `  --${name}\n${wrapped(help.replaceAll("`", ""))}\n`),
    ...NAMED.flatMap(helpOfSubcommand),
    "Flags without effect, for command lines of etcd and kine:\n",
    ...ignoredGroups().map(({ reason, names }) =>
      `${wrapped(names.map((name) => `--${name}`).join(", "), "  ")}\n${wrapped(reason)}\n`
    ),
  ];
  return parts.join("\n");
}

function usageOf([name, { operands }]: readonly [string, Subcommand]): string {
  return ["rhino", name, ...operands, "[flags]"].join(" ");
}

function helpOfSubcommand(named: readonly [string, Subcommand]): string[] {
  const [, { help, flags }] = named;
  return [
    `${usageOf(named)}\n${wrapped(help.replaceAll("`", ""))}\n`,
    ...flags.map((flag) => `  --${ownFlagText(flag)}\n${wrapped(flag.help.replaceAll("`", ""))}\n`),
  ];
}

function ownFlagText({ name, placeholder }: OwnFlag): string {
  return placeholder === "" ? name : `${name} ${placeholder}`;
}

function markdownOfSubcommand(named: readonly [string, Subcommand]): string {
  const [name, { help, flags }] = named;
  const own = flags.map((flag) => `- \`--${ownFlagText(flag)}\`: ${flag.help}`);
  return [`### rhino ${name}`, "", `\`${usageOf(named)}\`: ${help}`, "", ...own].join("\n").trim();
}

function helpOfFlag(flag: Flag): string {
  const byDefault = flag.default === "" ? "" : ` (default ${flag.default})`;
  const head = `  --${flag.name} ${flag.placeholder}${byDefault}`;
  const others = othersOf(flag).map((name) => `--${name}`);
  const also = others.length === 0 ? "" : `, ${others.join(", ")}`;
  return `${head}\n${wrapped(flag.help.replaceAll("`", ""))}\n${INDENT}${
    variableOf(flag)
  }${also}\n`;
}

/** Names that mean the same; those that may mean something else are told in the help. */
function othersOf({ also = [] }: Flag): string[] {
  return also.map(({ name }) => name).filter((name) => FLAGS.every((flag) => flag.name !== name));
}

function ignoredGroups(): { reason: string; names: string[] }[] {
  const reasons = [...new Set(IGNORED.map(({ reason }) => reason))];
  return reasons.map((reason) => ({
    reason,
    names: IGNORED.filter((flag) => flag.reason === reason).map(({ name }) => name),
  }));
}

function wrapped(text: string, indent: string = INDENT): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > LINE_WIDTH) {
      lines.push(indent + line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  lines.push(indent + line);
  return lines.join("\n");
}

/** The whole of docs/configuration.md. */
export function configurationMarkdown(): string {
  const rows = FLAGS.map((flag) => {
    const byDefault = flag.default === "" ? "" : `\`${flag.default}\``;
    const names = [flag.name, ...othersOf(flag)].map((name) => `\`--${name}\``);
    const places = [...names, `\`${variableOf(flag)}\``].join("<br>");
    return `| ${places} | ${byDefault} | ${flag.help.replaceAll("|", "\\|")} |`;
  });
  const ignored = ignoredGroups().map(({ reason, names }) =>
    `- ${names.map((name) => `\`--${name}\``).join(", ")}: ${reason}.`
  );
  return `# Configuration

<!-- Made from src/cli/flags by \`deno task golden\`; a test keeps it so. -->

Every setting is a flag, \`--flag value\` or \`--flag=value\`, with one dash or two, and an environment variable. A flag wins
over its variable, the last of repeated flags over those before it; an empty variable counts as not set. An unknown flag
or a wrong value ends the start with one line and exit code 2; an unknown variable that begins like ours is a warning.

| flag, variable | default | meaning |
| --- | --- | --- |
${rows.join("\n")}

Durations are plain seconds (\`300\`) or numbers with units: \`h\`, \`m\`, \`s\`, \`ms\`, \`us\`, \`ns\`, as in \`1h30m\`.
They are rounded up to whole milliseconds; the longest is 596 hours.

${SWITCHES.map(({ name, help }) => `- \`--${name}\`: ${help}`).join("\n")}

## Start scripts of etcd

All of etcd's flags are taken, and so are its variables: \`ETCD_\` and the flag's name, as in \`ETCD_DATA_DIR\`. Where both are
there, the flag wins over \`RHINO_…\`, that over \`ETCD_…\`, and that over \`KINE_…\`; etcd would not start. What is different:

- Without \`--endpoint\`, the data is in a SQLite file: \`rhino.db\` in the folder of \`--data-dir\`, or in \`NAME.etcd\` where only
  \`--name\` or \`--config-file\` is given. Such a server listens on \`localhost:2379\` unless told otherwise, as etcd does. With
  neither of the three it is \`./db/state.db\`, on all interfaces, as kine has it. etcd's own data in that folder is not
  read: it can be carried over with \`etcdctl\`, and a warning at the start tells of it.
- \`--advertise-client-urls\` need not be given along with \`--listen-client-urls\`.
- Without \`--auto-compaction-retention\` history is compacted by \`--compact-interval\`, which etcd does not have; with it, as
  in etcd, and \`--compact-interval\` has no effect. \`--auto-compaction-retention=0\` leaves compaction to the clients.
- \`--config-file\` is read as etcd reads it: YAML or JSON, TLS in \`client-transport-security\`, durations as numbers of
  nanoseconds (\`10m\` is taken too). etcd's flags and variables then have no effect. Rhino's own may be in the file or not.
- \`client-transport-security.allowed-cn\` of the file is refused, for to leave it out would let clients in.
- The log is for people unless \`--log-format=json\` asks for etcd's lines.

## Start scripts of kine

kine's flags are taken, and its variables: \`KINE_\` and the flag's name. \`--cert-file\` and \`--key-file\` are the server's to etcd,
and the database's to kine: beside a flag that only kine has they are the database's, and so are \`KINE_CERT_FILE\` and
\`KINE_KEY_FILE\`, while \`--server-cert-file\` and \`--server-key-file\` are the server's.

## Subcommands

Behind \`deno task start\`, or whatever starts Rhino, the first argument may name something else to do than to serve. All of the
server's flags and variables count there too, and each has some of its own.

${NAMED.map(markdownOfSubcommand).join("\n\n")}

## Flags without effect

They are taken for the sake of command lines of etcd and kine, their values checked where that is easy, and named in one
line of the log when they are given.

${ignored.join("\n")}
`;
}
