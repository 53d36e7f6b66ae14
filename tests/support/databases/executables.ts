/** Where the databases' executables are, and as whom the servers run. */

/** Of Debian and its children, newest version first; elsewhere all is on the PATH. */
const POSTGRES_VERSIONS_DIR = "/usr/lib/postgresql";
/** Servers lie here, and an ordinary user's PATH has none of them. */
const SERVER_DIRS = ["/usr/sbin", "/usr/local/sbin"];

/**
 * The executable's path.
 *
 * @throws {Error} if it is neither on the PATH nor where distributions put it.
 */
export function executable(name: string): string {
  const path = find(name);
  if (path !== undefined) return path;
  throw new Error(`Cannot find the executable "${name}": tests/README.md names what to install`);
}

/** Which of the executables are not installed. */
export function missingExecutables(names: readonly string[]): string[] {
  return names.filter((name) => find(name) === undefined);
}

/** The first of some files that exists, such as a library that distributions put in different places. */
export function firstExisting(paths: readonly string[]): string | undefined {
  return paths.find(exists);
}

export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/**
 * As whom to run a server: undefined stands for whoever runs the tests. PostgreSQL and PgBouncer refuse to run as root,
 * and MariaDB asks for a confirmation.
 */
export function serverUser(names: readonly string[]): UserIds | undefined {
  if (Deno.uid() !== 0) return undefined;
  const accounts = Deno.readTextFileSync("/etc/passwd").split("\n").map((line) => line.split(":"));
  for (const name of [...names, "nobody"]) {
    const [, , uid, gid] = accounts.find(([account]) => account === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    `Cannot run a database as root, and there is no user ${names.join(", ")}, nobody`,
  );
}

function find(name: string): string | undefined {
  const onPath = (Deno.env.get("PATH") ?? "").split(":").filter((dir) => dir !== "");
  const dirs = [...postgresDirs(), ...onPath, ...SERVER_DIRS];
  return firstExisting(dirs.map((dir) => `${dir}/${name}`));
}

function postgresDirs(): string[] {
  if (!exists(POSTGRES_VERSIONS_DIR)) return [];
  return [...Deno.readDirSync(POSTGRES_VERSIONS_DIR)]
    .map((entry) => entry.name)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => `${POSTGRES_VERSIONS_DIR}/${version}/bin`);
}

/** A place one may not look into, such as root's folders on a PATH that was inherited, has nothing to run. */
function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    const { NotFound, NotADirectory, PermissionDenied } = Deno.errors;
    if ([NotFound, NotADirectory, PermissionDenied].some((kind) => error instanceof kind)) {
      return false;
    }
    throw error;
  }
}
