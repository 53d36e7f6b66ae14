/** The flags as text: for `--help`, and for docs/configuration.md. */

import { type Flag, FLAGS, SWITCHES, variableOf } from "./flags.ts";

const LINE_WIDTH = 100;
const INDENT = " ".repeat(6);

export function helpText(): string {
  const parts = [
    "Rhino: an etcd server whose data lives in SQL.\n",
    "Usage: rhino [flags]\n",
    "Flags; each also as an environment variable, over which the flag wins:\n",
    ...FLAGS.map(helpOfFlag),
    ...SWITCHES.map(({ name, help }) => `  --${name}\n${wrapped(help)}\n`),
  ];
  return parts.join("\n");
}

function helpOfFlag(flag: Flag): string {
  const byDefault = flag.default === "" ? "" : ` (default ${flag.default})`;
  const head = `  --${flag.name} ${flag.placeholder}${byDefault}`;
  return `${head}\n${wrapped(flag.help.replaceAll("`", ""))}\n${INDENT}${variableOf(flag)}\n`;
}

function wrapped(text: string): string {
  const lines: string[] = [];
  let line = INDENT.slice(1);
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > LINE_WIDTH) {
      lines.push(line);
      line = INDENT.slice(1);
    }
    line += ` ${word}`;
  }
  lines.push(line);
  return lines.join("\n");
}

/** The whole of docs/configuration.md. */
export function configurationMarkdown(): string {
  const rows = FLAGS.map((flag) => {
    const byDefault = flag.default === "" ? "derived" : `\`${flag.default}\``;
    return `| \`--${flag.name}\`<br>\`${variableOf(flag)}\` | ${byDefault} | ${flag.help} |`;
  });
  return `# Configuration

<!-- Made from src/cli/flags.ts by \`deno task golden\`; a test keeps it so. -->

Every setting is a flag, \`--flag value\` or \`--flag=value\`, and an environment variable. A flag wins over its variable,
the last of repeated flags over those before it; an empty variable counts as not set. An unknown flag or a wrong value
ends the start with one line and exit code 2; an unknown \`RHINO_…\` variable is a warning.

| flag, variable | default | meaning |
| --- | --- | --- |
${rows.join("\n")}

Durations are plain seconds (\`300\`) or numbers with units: \`h\`, \`m\`, \`s\`, \`ms\`, \`us\`, \`ns\`, as in \`1h30m\`.
They are rounded up to whole milliseconds; the longest is 596 hours.

${SWITCHES.map(({ name, help }) => `- \`--${name}\`: ${help}`).join("\n")}
`;
}
