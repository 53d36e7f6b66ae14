/** `rhino migrate`: opens both ends, and takes care that a copy which is not whole is never taken for one. */
import type { Backend, OpenOptions } from "../../backends/contract.ts";
import { type BackendChoice, moduleOf, openBackend } from "../../backends/registry.ts";
import { type Copied, copyInto } from "./copying.ts";
import { unfinishedSource } from "./mark.ts";
import { MigrationError, type Source } from "./source.ts";
import { openSource, type SourceChoice } from "./sources.ts";

export interface MigrationOptions extends Omit<SourceChoice, "choice"> {
  /** The store to copy into, and modules for stores of others. */
  readonly to: BackendChoice;
  readonly shownTo: string;
  /** Told once the source is known, before anything is written. */
  readonly onSource: (source: Source) => void;
  /** Told what the operator should know: a sentence. */
  readonly note: (text: string) => void;
}

/** @throws {MigrationError} or {BackendError}, in one line; what is not empty is not changed */
export async function migrate(options: MigrationOptions): Promise<Copied> {
  const { to, report, onSource, note } = options;
  await using source = await openSource({ ...options, choice: to });
  onSource(source);
  const backend = await openTarget(options);
  try {
    const copied = await copyInto(backend, source, report);
    const missed = await source.missed();
    if (missed !== "") note(missed);
    return copied;
  } finally {
    await backend.close();
  }
}

/** The store, new; what a migration has left half-done in it is removed first. */
async function openTarget(
  { to, shownTo, open, note }: Pick<MigrationOptions, "to" | "shownTo" | "open" | "note">,
): Promise<Backend> {
  const backend = await openBackend(to, open);
  const source = await closedOnFailure(backend, () => unfinishedSource(backend));
  if (source === null) return backend;
  await backend.close();
  await removeUnfinished(to, { shownTo, source, open });
  note(`removed a half-done copy of ${source} from ${shownTo}`);
  return await openBackend(to, open);
}

async function removeUnfinished(
  to: BackendChoice,
  { shownTo, source, open }: { shownTo: string; source: string; open: OpenOptions },
): Promise<void> {
  const module = await moduleOf(to);
  if (module.remove === undefined || !open.createSchema) {
    throw new MigrationError(
      `${shownTo} holds a half-done copy of ${source}: remove it, and try again`,
    );
  }
  await module.remove(to.endpoint, open);
}

async function closedOnFailure<T>(backend: Backend, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    await backend.close();
    throw error;
  }
}
