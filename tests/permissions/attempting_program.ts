/** Tries what must be refused, in place of a server and with its flags; prints what came of it. */

import { tryAll } from "./attempts.ts";

Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(await tryAll())));
