// Starts Rhino from Node, as a child process: for programs and test suites that run on Node 20 or newer.
// Needs `npx`, which comes with Node, and a checkout of Rhino. Nothing else has to be installed.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const DENO = ["npx", "-y", "deno@2.9.6"];

/** What Rhino may do: listen and connect, read and write its files. `rhino permissions` prints less for your flags. */
const PERMISSIONS = [
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys=hostname",
];

/** Longest wait for a start, which may have to download Deno first. */
const START_MS_MAX = 120_000;

/** Of the log, to say why a start failed. */
const LOG_LINES_MAX = 50;

/**
 * @param {object} options
 * @param {string} options.checkout The folder of Rhino's repository.
 * @param {string[]} [options.flags] Of `rhino`; by default the data is in memory and ends with it.
 * @returns {Promise<{ address: string, stop: () => Promise<void> }>} when clients can connect
 */
export async function startRhino({ checkout, flags = ["--endpoint=memory://"] }) {
  const [command, ...args] = [
    ...DENO,
    "run",
    "--quiet",
    "--no-prompt",
    `--config=${checkout}/deno.json`,
    ...PERMISSIONS,
    `${checkout}/src/main.ts`,
    "--listen-address=127.0.0.1:0",
    "--log-format=json",
    ...flags,
  ];
  // A group of its own, because npx starts others that would outlive it.
  const child = spawn(command, args, { detached: true, stdio: ["ignore", "ignore", "pipe"] });
  const kill = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has ended already.
    }
  };
  const killAtExit = () => kill("SIGKILL");
  process.once("exit", killAtExit);
  // Without npx there is no process, and so no end.
  const ended = Promise.race([once(child, "close"), once(child, "error")]);

  const stop = async () => {
    kill("SIGTERM");
    await ended;
    process.off("exit", killAtExit);
  };

  const late = setTimeout(killAtExit, START_MS_MAX);
  try {
    return { address: await readyAddress(child), stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/** Where Rhino says that it serves. Its log is read on from then on too, or it would wait for room in the pipe. */
function readyAddress(child) {
  const log = [];
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      if (log.length < LOG_LINES_MAX) log.push(line);
      if (line.includes(`"msg":"ready to serve client requests"`)) {
        resolve(JSON.parse(line).address);
      }
    });
    child.once("error", reject);
    child.once("close", () => reject(new Error(`Rhino did not start:\n${log.join("\n")}`)));
  });
}
