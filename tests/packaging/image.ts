/**
 * Builds an image by hand: the steps of the Dockerfile, in a folder for each stage that takes the place of its root.
 * A step that is not known is an error, so none is passed over.
 */

import assert from "node:assert/strict";
import { default as dockerignore } from "@balena/dockerignore";
import { dirname, join, relative, resolve } from "node:path";
import { runCommand } from "../support/databases/client_command.ts";
import { readDockerfile, type Stage, type Step } from "./dockerfile.ts";
import { inMountNamespace, inRoot, quote, type Surroundings } from "./namespaces.ts";

/** What the image says of containers. */
export interface Image extends Surroundings {
  /** Folder of its root file system. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly healthcheck: readonly string[];
}

type Draft = { -readonly [name in keyof Image]: Image[name] };

/** What the images of others hold, made of this machine's files. */
const BASES: Readonly<Record<string, (root: string) => Promise<void>>> = {
  debian: makeDebian,
  distroless: makeDistroless,
};

const SHELL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const ROOT_USER = { uid: 0, gid: 0 };

/**
 * The last stage of a context's Dockerfile.
 *
 * @param dir where the stages are made; it takes some 400 MB
 * @throws {Error} if a step fails, or is none that is known here
 */
export async function buildImage(context: string, dir: string): Promise<Image> {
  const stages = readDockerfile(await Deno.readTextFile(join(context, "Dockerfile")));
  const built = new Map<string, Draft>();
  for (const stage of stages) {
    built.set(stage.name, await buildStage(stage, { context, dir, built }));
  }
  const last = [...built.values()].at(-1);
  assert.ok(last, "the Dockerfile has no stage");
  return last;
}

interface Building {
  readonly context: string;
  readonly dir: string;
  readonly built: ReadonlyMap<string, Draft>;
}

async function buildStage(stage: Stage, building: Building): Promise<Draft> {
  const [, kind] = /^denoland\/deno:(distroless-)?\d+\.\d+\.\d+$/.exec(stage.image) ??
    assert.fail(`${stage.image} is no image that is known here`);
  const root = join(building.dir, stage.name);
  await Deno.mkdir(root);
  await BASES[kind === undefined ? "debian" : "distroless"]?.(root);
  const image: Draft = {
    root,
    user: ROOT_USER,
    workdir: "/",
    env: { PATH: SHELL_PATH },
    volumes: [],
    ports: [],
    labels: {},
    entrypoint: [],
    healthcheck: [],
  };
  for (const step of stage.steps) await perform(step, image, building);
  return image;
}

async function perform(step: Step, image: Draft, building: Building): Promise<void> {
  const [first = ""] = step.words;
  switch (step.keyword) {
    case "WORKDIR":
      image.workdir = resolve(image.workdir, first);
      return await Deno.mkdir(join(image.root, image.workdir), { recursive: true });
    case "COPY":
      return await copy(step, image, building);
    case "RUN":
      return await run(step.text, image);
    case "USER": {
      const [uid = "", gid = uid] = first.split(":");
      assert.match(`${uid}:${gid}`, /^\d+:\d+$/, "a user without a number is not known to others");
      return void (image.user = { uid: Number(uid), gid: Number(gid) });
    }
    case "ENV":
      return void (image.env = { ...image.env, ...Object.fromEntries(step.properties) });
    case "LABEL":
      return void (image.labels = { ...image.labels, ...Object.fromEntries(step.properties) });
    case "VOLUME":
      return void (image.volumes = [...image.volumes, ...step.words]);
    case "EXPOSE":
      return void (image.ports = [...image.ports, ...step.words]);
    case "ENTRYPOINT":
      return void (image.entrypoint = step.words);
    case "HEALTHCHECK":
      return void (image.healthcheck = step.words);
    case "STOPSIGNAL":
      return assert.equal(first, "SIGTERM");
    default:
      assert.fail(`${step.keyword} is no step that is known here`);
  }
}

/** Files and folders, as COPY does: a folder's content goes into the target. */
async function copy(step: Step, image: Draft, { context, built }: Building): Promise<void> {
  const from = step.flags.get("from");
  const source = from === undefined ? context : built.get(from)?.root;
  assert.ok(source !== undefined, `there is no stage "${from}"`);
  const keeps = from === undefined ? await filterOf(context) : () => true;
  const target = resolve(image.workdir, step.words.at(-1) ?? "") +
    (/\/$/.test(step.words.at(-1) ?? "") ? "/" : "");
  for (const word of step.words.slice(0, -1)) {
    const path = join(source, word);
    const isFolder = (await Deno.stat(path)).isDirectory;
    const place = join(image.root, target, isFolder || !target.endsWith("/") ? "" : word);
    if (!isFolder) {
      assert.ok(keeps(word), `${word} is ignored`);
      await Deno.copyFile(path, place);
      continue;
    }
    await copyFolder(path, place, (file) => keeps(relative(source, file)));
  }
  const owner = step.flags.get("chown");
  if (owner !== undefined) {
    await runCommand("chown", { args: ["-R", owner, join(image.root, target)] });
  }
}

async function filterOf(context: string): Promise<(path: string) => boolean> {
  const text = await Deno.readTextFile(join(context, ".dockerignore"));
  return dockerignore.default().add(text).createFilter();
}

async function copyFolder(
  from: string,
  to: string,
  keeps: (path: string) => boolean,
): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory) await copyFolder(source, target, keeps);
    else if (keeps(source)) await Deno.copyFile(source, target);
  }
}

/** A shell's commands in the stage's root, with this machine's programs and network. */
async function run(text: string, image: Draft): Promise<void> {
  const root = quote(image.root);
  const deno = quote(dirname(Deno.execPath()));
  const [executable = "", ...args] = inMountNamespace(
    [
      "mount --make-rprivate /",
      `for dir in usr etc dev proc; do mount --rbind -o ro /$dir ${root}/$dir; done`,
      `mount --bind -o ro ${deno} ${root}/usr/local/bin`,
    ],
    inRoot(image.root, image, ["/bin/sh", "-c", text]),
  );
  await runCommand(executable, { args, env: { ...image.env, HOME: "/root" } });
}

/** With a shell: this machine's, which is seen while a step runs. */
async function makeDebian(root: string): Promise<void> {
  for (const dir of ["usr", "etc", "dev", "proc", "root"]) await Deno.mkdir(join(root, dir));
  await makeTmp(root);
  for (const link of ["bin", "lib", "lib64", "sbin"]) {
    await Deno.symlink(`usr/${link}`, join(root, link));
  }
}

/** Deno and the libraries that it is linked to. No shell, no other programs. */
async function makeDistroless(root: string): Promise<void> {
  const deno = Deno.execPath();
  for (const dir of ["bin", "etc", "dev", "proc", "home/nonroot"]) {
    await Deno.mkdir(join(root, dir), { recursive: true });
  }
  await makeTmp(root);
  await Deno.copyFile(deno, join(root, "bin/deno"));
  const linked = await runCommand("ldd", { args: [deno] });
  for (const [path] of linked.matchAll(/\/\S+(?= \()/g)) {
    await Deno.mkdir(join(root, dirname(path)), { recursive: true });
    await Deno.copyFile(await Deno.realPath(path), join(root, path));
  }
  await Deno.writeTextFile(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
  );
}

async function makeTmp(root: string): Promise<void> {
  await Deno.mkdir(join(root, "tmp"));
  await Deno.chmod(join(root, "tmp"), 0o1777);
}
