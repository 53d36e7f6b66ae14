import assert from "node:assert/strict";
import type { LogRotation } from "./config.ts";
import { openLogOutputs } from "./log_outputs.ts";
import { RotatingFile } from "./log_rotation.ts";

const MIB = 1024 * 1024;
const NEW_YEAR = Date.UTC(2026, 0, 1);
const DAY_MS = 24 * 60 * 60 * 1_000;

/** A file of 1 MiB at most, each write of 0.75 MiB, and the clock a day on after each. */
class Rig implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "rhino-test-log-" });
  readonly path = `${this.folder}/logs/etcd.log`;
  readonly file: RotatingFile;
  #nowMs = NEW_YEAR;

  constructor(rotation: Partial<LogRotation> = {}) {
    const all = { maxSize: 1, maxAge: 0, maxBackups: 0, localTime: false, compress: false };
    this.file = new RotatingFile({
      path: this.path,
      rotation: { ...all, ...rotation },
      now: () => this.#nowMs,
    });
  }

  async fill(letter: string): Promise<void> {
    this.file.write(new TextEncoder().encode(letter.repeat(0.75 * MIB)));
    this.#nowMs += DAY_MS;
    await this.file.tidied();
  }

  /** Name → first character. */
  files(): Record<string, string> {
    const found: Record<string, string> = {};
    for (const { name } of Deno.readDirSync(`${this.folder}/logs`)) {
      found[name] = Deno.readTextFileSync(`${this.folder}/logs/${name}`).slice(0, 1);
    }
    return found;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.file.close();
    return Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test("RotatingFile puts the file aside before it grows too large, under lumberjack's names", async () => {
  await using rig = new Rig();
  for (const letter of "abc") await rig.fill(letter);
  assert.deepEqual(rig.files(), {
    "etcd-2026-01-02T00-00-00.000.log": "a",
    "etcd-2026-01-03T00-00-00.000.log": "b",
    "etcd.log": "c",
  });
});

Deno.test("RotatingFile keeps the newest files, and those that are not too old", async () => {
  await using few = new Rig({ maxBackups: 1 });
  await using young = new Rig({ maxAge: 1 });
  await Deno.writeTextFile(`${few.folder}/logs/etcd-of-others.log`, "x");
  for (const letter of "abcd") {
    await few.fill(letter);
    await young.fill(letter);
  }
  const others = { "etcd-of-others.log": "x" };
  assert.deepEqual(few.files(), {
    ...others,
    "etcd-2026-01-04T00-00-00.000.log": "c",
    "etcd.log": "d",
  });
  // When "c" was put aside, "b" was a day old, and "a" two.
  assert.deepEqual(Object.values(young.files()).sort(), ["b", "c", "d"]);
});

Deno.test("RotatingFile compresses what it puts aside", async () => {
  await using rig = new Rig({ compress: true });
  for (const letter of "ab") await rig.fill(letter);
  const [backup = ""] = Object.keys(rig.files()).filter((name) => name.endsWith(".log.gz"));
  const packed = await Deno.open(`${rig.folder}/logs/${backup}`);
  const text = await new Response(
    packed.readable.pipeThrough(new DecompressionStream("gzip")),
  ).text();
  assert.equal(text, "a".repeat(0.75 * MIB));
  assert.deepEqual(Object.keys(rig.files()).sort(), [backup, "etcd.log"]);
});

Deno.test("RotatingFile gives two files of the same moment names of their own", async () => {
  await using rig = new Rig();
  for (const letter of "abc") rig.file.write(new TextEncoder().encode(letter.repeat(MIB)));
  await rig.file.tidied();
  assert.deepEqual(Object.values(rig.files()).sort(), ["a", "b", "c"]);
});

Deno.test("RotatingFile goes on with the file that is there", async () => {
  await using rig = new Rig();
  await rig.fill("a");
  const again = new RotatingFile({
    path: rig.path,
    rotation: { maxSize: 1, maxAge: 0, maxBackups: 0, localTime: false, compress: false },
    now: () => NEW_YEAR,
  });
  again.write(new TextEncoder().encode("b".repeat(0.75 * MIB)));
  await again.tidied();
  again.close();
  assert.deepEqual(rig.files(), { "etcd-2026-01-01T00-00-00.000.log": "a", "etcd.log": "b" });
});

Deno.test("openLogOutputs() appends to files, and says which cannot be opened", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rhino-test-log-" });
  try {
    const path = `${folder}/new/a.log`;
    openLogOutputs({ outputs: [path], rotation: null })("a\n");
    openLogOutputs({ outputs: [path], rotation: null })("b\n");
    assert.equal(await Deno.readTextFile(path), "a\nb\n");
    assert.throws(
      () => openLogOutputs({ outputs: [folder], rotation: null }),
      { message: new RegExp(`^Cannot open the log file "${folder}": `) },
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
