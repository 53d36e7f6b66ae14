/** How a server ends. */

export const EXIT_START_FAILED = 1;

export type StopSignal = "SIGTERM" | "SIGINT";

/**
 * Longest time from the first signal to the end. What is acknowledged is on disk, so to end before everybody has
 * hung up loses nothing; to be killed by an impatient supervisor would lose the log's last lines.
 */
export const STOP_MS_MAX = 4_500;
