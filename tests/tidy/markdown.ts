/** What Markdown files point at. */

import { dirname, join } from "node:path";
import { readText } from "./source_tree.ts";

export interface Link {
  /** As written. */
  readonly text: string;
  /** Path from the root; the file itself for a link within it. */
  readonly path: string;
  /** The heading's anchor without `#`; empty for the whole file. */
  readonly anchor: string;
}

/** Links of a file to other files of the repository. */
export function relativeLinks(path: string): Link[] {
  const prose = readText(path).replaceAll(/^```.*?^```/gms, "").replaceAll(/`[^`\n]*`/g, "");
  const links: Link[] = [];
  for (const [, text = ""] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z][a-z0-9+.-]*:/i.test(text)) continue;
    const [file = "", anchor = ""] = text.split("#");
    links.push({ text, anchor, path: file === "" ? path : join(dirname(path), file) });
  }
  return links;
}

/** Anchors of a file's headings, made as GitHub makes them. */
export function anchorsOf(path: string): Set<string> {
  const prose = readText(path).replaceAll(/^```.*?^```/gms, "");
  const anchors = new Set<string>();
  for (const [, heading = ""] of prose.matchAll(/^#{1,6} (.+)$/gm)) {
    const words = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").trim();
    anchors.add(words.replaceAll(/\s/g, "-"));
  }
  return anchors;
}
