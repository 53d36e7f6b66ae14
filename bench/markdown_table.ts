/** Tables in Markdown that also read well on a terminal. */

/** What stands where nothing is known. */
export const NOTHING = "–";

const CELL_LENGTH_MAX = 200;

export function table(header: readonly string[], body: readonly (readonly string[])[]): string {
  const widths = header.map((_, column) =>
    Math.max(...[header, ...body].map((cells) => cells[column]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(header), line(rule), ...body.map(line)].join("\n");
}

/** Any text as the text of a cell. */
export function inCell(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").slice(0, CELL_LENGTH_MAX);
}

export function numberCell(number: number | null | undefined, digits: number): string {
  return number?.toFixed(digits) ?? NOTHING;
}
