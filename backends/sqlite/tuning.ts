/** How the backend weighs disk, memory and time. Servers use `TUNING`; a test may want parts of it otherwise. */

import {
  CHECKPOINT_LIMITS,
  type CheckpointerThread,
  type CheckpointLimits,
} from "./checkpointer.ts";
import { CheckpointThread } from "./checkpoint_thread.ts";
import type { SyncedFile, SyncMode } from "./durability.ts";
import { SPACE_LIMITS, type SpaceLimits } from "./space.ts";

export interface Tuning {
  readonly syncMode: SyncMode;
  readonly checkpoint: CheckpointLimits;
  readonly space: SpaceLimits;
  /** Stands between the backend and the log's file. */
  readonly wrapWal: (file: SyncedFile) => SyncedFile;
  /** Starts the thread that works beside the writer. */
  readonly openCheckpointThread: (path: string) => CheckpointerThread;
}

export const TUNING: Tuning = {
  syncMode: "adaptive",
  checkpoint: CHECKPOINT_LIMITS,
  space: SPACE_LIMITS,
  wrapWal: (file) => file,
  openCheckpointThread: (path) => new CheckpointThread(path),
};
