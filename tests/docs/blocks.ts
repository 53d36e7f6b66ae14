/** The fenced blocks of a Markdown file, and how each is known to be true. */

import { readText } from "../tidy/source_tree.ts";

export interface Block {
  readonly path: string;
  /** Line of its opening fence, from 1. */
  readonly line: number;
  /** What follows the fence: a language, and perhaps a word. */
  readonly info: string;
  readonly text: string;
  /** The comment right above it, which says where it is checked or why it is not run; empty if there is none. */
  readonly note: string;
}

/** One command of a `console` block. */
export interface Example {
  readonly command: string;
  /** What is shown below it; `…` stands for anything. */
  readonly output: string;
  readonly line: number;
}

export function blocksOf(path: string): Block[] {
  const blocks: Block[] = [];
  const lines = readText(path).split("\n");
  for (let at = 0; at < lines.length; at++) {
    // For what a reader has done already, such as to start a server in another terminal.
    const hidden = /^ *<!-- run: (.+) -->$/.exec(lines[at] ?? "")?.[1];
    if (hidden !== undefined) {
      blocks.push({ path, line: at + 1, info: "console", text: `$ ${hidden}`, note: "" });
      continue;
    }
    const fence = /^( *)(`{3,})(.*)$/.exec(lines[at] ?? "");
    if (fence === null) continue;
    const [, indent = "", ticks = "", info = ""] = fence;
    const end = lines.indexOf(indent + ticks, at + 1);
    if (end === -1) throw new Error(`${path}:${at + 1}: the block does not end`);
    const text = lines.slice(at + 1, end).map((line) => line.slice(indent.length)).join("\n");
    const note = /^ *<!-- (.+) -->$/.exec(lines[at - 1] ?? "")?.[1] ?? "";
    blocks.push({ path, line: at + 1, info: info.trim(), text, note });
    at = end;
  }
  return blocks;
}

/** The commands of a `console` block, each with what is shown below it. */
export function examplesIn({ path, line: first, text }: Block): Example[] {
  const examples: { command: string; output: string; line: number }[] = [];
  for (const [at, line] of text.trimEnd().split("\n").entries()) {
    const last = examples.at(-1);
    if (line.startsWith("$ ")) {
      examples.push({ command: line.slice(2), output: "", line: first + at + 1 });
    } else if (last === undefined) {
      throw new Error(`${path}:${first}: output before the first command: ${line}`);
    } // A command that ends in a backslash, or whose quotation is still open, goes on.
    else if (last.output === "" && isUnfinished(last.command)) last.command += `\n${line}`;
    else last.output += `${line}\n`;
  }
  return examples;
}

function isUnfinished(command: string): boolean {
  if (command.endsWith("\\")) return true;
  const hereDocument = /<<-?\s*['"]?(\w+)/.exec(command)?.[1];
  if (hereDocument !== undefined) return !command.split("\n").slice(1).includes(hereDocument);
  return (command.match(/'/g)?.length ?? 0) % 2 === 1;
}

/** Whether the output is what is shown, where `…` stands for any text of a line, and alone for any number of lines. */
export function isShown(output: string, shown: string): boolean {
  const pattern = shown.trimEnd().split("\n").map((line) => {
    if (line.trim() === "…") return "(?:[^\\n]*\\n)*?";
    return `${line.trimEnd().split("…").map(RegExp.escape).join("[^\\n]*")}\\n`;
  });
  const text = output.trimEnd() === "" ? "" : `${output.trimEnd().replaceAll(/[ \t]+$/gm, "")}\n`;
  return shown.trim() === "" ? text === "" : new RegExp(`^${pattern.join("")}$`).test(text);
}
