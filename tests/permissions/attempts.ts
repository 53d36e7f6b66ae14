/** What a server must not be able to do, tried from within. */

/** Name of what was tried → the name of the error, `undefined` for a variable that is not seen, or what came of it. */
export type Outcomes = Readonly<Record<string, string>>;

/** Nobody listens there. */
const OTHER_PORT = 9;

const ATTEMPTS: Readonly<Record<string, () => unknown>> = {
  "read a file": () => Deno.readTextFileSync("/etc/passwd"),
  "read the working folder": () => [...Deno.readDirSync(".")],
  "read its own source": () => Deno.readTextFileSync(new URL(import.meta.url)),
  "write a file": () => Deno.writeTextFileSync("/tmp/rhino-must-not-be", ""),
  "make a file anywhere": () => Deno.makeTempFileSync(),
  "remove the source": () => Deno.removeSync(new URL(import.meta.url)),
  "see a variable": () => Deno.env.get("HOME"),
  "see a secret of another program": () => Deno.env.get("AWS_SECRET_ACCESS_KEY"),
  "connect elsewhere": () => Deno.connect({ hostname: "127.0.0.1", port: OTHER_PORT }),
  "connect to the machine that tells clouds' secrets": () => fetch("http://169.254.169.254/"),
  "connect to a socket": () => Deno.connect({ transport: "unix", path: "/var/run/docker.sock" }),
  "listen elsewhere": () => Deno.listen({ hostname: "0.0.0.0", port: 0 }).close(),
  "run a program": () => new Deno.Command("true").outputSync(),
  "load a library": () => Deno.dlopen("libc.so.6", {}).close(),
  "learn of the system": () => Deno.osRelease(),
  // Not a literal, which would be fetched before anything runs.
  "fetch code": () => import(["https:", "", "deno.land", "std", "version.ts"].join("/")),
  "start a thread that may more": () => startThread(),
};

function startThread(): void {
  const url = URL.createObjectURL(new Blob([""], { type: "text/javascript" }));
  const permissions = { read: true } as const;
  new Worker(url, { type: "module", deno: { permissions } }).terminate();
}

export async function tryAll(): Promise<Outcomes> {
  const outcomes: Record<string, string> = {};
  for (const [name, attempt] of Object.entries(ATTEMPTS)) {
    try {
      outcomes[name] = String(await attempt());
    } catch (error) {
      // Of code Deno says so in the text alone.
      const isImport = error instanceof TypeError && /Requires import access/.test(error.message);
      outcomes[name] = isImport ? "NotCapable" : (error as Error).name;
    }
  }
  return outcomes;
}

/** What the outcomes have to be. */
export const REFUSED: Outcomes = Object.fromEntries(
  Object.keys(ATTEMPTS).map((name) => [name, name.startsWith("see") ? "undefined" : "NotCapable"]),
);
