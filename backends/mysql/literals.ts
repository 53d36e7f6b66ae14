/**
 * Values as SQL text. This is the only way by which a value comes into a statement.
 *
 * Bytes are written in hexadecimal digits: nothing in them can be mistaken, whatever the server's settings, and a statement
 * is plain ASCII. (Escaped strings are half as long, but Deno writes text that is not UTF-8 into a buffer ten times slower.)
 */

/** Text stands for its bytes in UTF-8. */
export type SqlValue = number | bigint | string | Uint8Array | null;

/** A value; or a list of them, in parentheses; or a list of such lists, with commas between them. */
export type SqlValues = SqlValue | readonly SqlValue[] | readonly (readonly SqlValue[])[];

/** A statement's text around its placeholders: piece, name, piece, name, …, piece. */
const TEMPLATES = new Map<string, readonly string[]>();

const PLACEHOLDER = /:([a-z][A-Za-z]*)/;
const encoder = new TextEncoder();

/** Puts values in place of `:name`. A name without a value is a defect of the caller. */
export function fillIn(text: string, values: Readonly<Record<string, SqlValues>>): string {
  let template = TEMPLATES.get(text);
  if (template === undefined) {
    template = text.split(PLACEHOLDER);
    TEMPLATES.set(text, template);
  }
  let filled = template[0] ?? "";
  for (let at = 1; at < template.length; at += 2) {
    const name = template[at] ?? "";
    const value = values[name];
    if (value === undefined) throw new TypeError(`no value for ":${name}" in "${text}"`);
    filled += writeValues(value) + template[at + 1];
  }
  return filled;
}

function writeValues(values: SqlValues): string {
  if (!isList(values)) return writeValue(values);
  if (values.length === 0) throw new TypeError("SQL has no empty list");
  if (isList(values[0] ?? null)) return values.map((row) => writeValues(row)).join(",");
  return `(${
    values.map((value) => isList(value) ? writeValues(value) : writeValue(value)).join()
  })`;
}

function isList(value: SqlValues): value is Exclude<SqlValues, SqlValue> {
  return Array.isArray(value);
}

export function writeValue(value: SqlValue): string {
  if (value === null) return "NULL";
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new TypeError(`not a safe integer: ${value}`);
    return String(value);
  }
  const bytes = typeof value === "string" ? encoder.encode(value) : value;
  return `x'${bytes.toHex()}'`;
}
