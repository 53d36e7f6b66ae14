/** What containers are made of, without an engine: mounts, processes and network of their own, by util-linux. */

import { missingExecutables } from "../support/databases/executables.ts";

/** Why there can be no containers here, or undefined if there can; in CI they always have to. */
export function whyNoContainers(): string | undefined {
  if (Deno.env.get("CI") === "true") return undefined;
  if (Deno.build.os !== "linux") return "needs Linux";
  if (Deno.uid() !== 0) return "needs root";
  const missing = missingExecutables(["unshare", "nsenter", "mount", "setpriv", "ip", "ldd"]);
  return missing.length === 0 ? undefined : `needs ${missing.join(", ")}`;
}

/** As whom, where and with what a program runs. */
export interface Surroundings {
  readonly user: { readonly uid: number; readonly gid: number };
  readonly workdir: string;
}

/** Quoted for a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A command line that runs another in a new mount namespace, after a shell's commands in it. */
export function inMountNamespace(setup: readonly string[], command: readonly string[]): string[] {
  return ["unshare", "--mount", "sh", "-ec", withExec(setup, command)];
}

/**
 * The same with processes and a network of its own, in which there is but itself: the program has the process id 1, as in
 * a container.
 */
export function inOwnNamespaces(setup: readonly string[], command: readonly string[]): string[] {
  const kinds = ["--mount", "--pid", "--net", "--ipc", "--uts"];
  const script = withExec(["ip link set lo up", ...setup], command);
  return ["unshare", ...kinds, "--fork", "sh", "-ec", script];
}

/** A command line that changes its root, and gives up root's rights for good. */
export function inRoot(
  root: string,
  { user, workdir }: Surroundings,
  command: readonly string[],
): string[] {
  const place = [`--root=${root}`, `--wd=${workdir}`];
  return [
    ...["setpriv", "--no-new-privs", "--clear-groups", "unshare", ...place],
    ...[`--setgid=${user.gid}`, `--setuid=${user.uid}`, "--", ...command],
  ];
}

/** A command line that runs another beside a process in its namespaces and root, as `docker exec` does. */
export function beside(
  pid: number,
  { user, workdir }: Surroundings,
  command: readonly string[],
): string[] {
  const spaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--root", `--wdns=${workdir}`];
  const ids = [`--setgid=${user.gid}`, `--setuid=${user.uid}`];
  return ["nsenter", `--target=${pid}`, ...spaces, ...ids, ...command];
}

/** A command line of this machine's in the network of a process. */
export function inNetworkOf(pid: number, command: readonly string[]): string[] {
  return ["nsenter", `--target=${pid}`, "--net", ...command];
}

function withExec(setup: readonly string[], command: readonly string[]): string {
  return [...setup, `exec ${command.map(quote).join(" ")}`].join("\n");
}
