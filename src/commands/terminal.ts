/** What subcommands write, and where to. */

export function print(text: string): void {
  write(Deno.stdout, text);
}

export function printError(text: string): void {
  write(Deno.stderr, text);
}

function write(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  const bytes = new TextEncoder().encode(text);
  // A pipe may take less than all of it.
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
}
