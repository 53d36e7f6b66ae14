/**
 * The style guide's rules that a machine can hold. Each test collects all that breaks its rule, so that one run shows
 * the whole list. Exemptions, with their reasons, are in tidy/exemptions.ts.
 */

import assert from "node:assert/strict";
import project from "../deno.json" with { type: "json" };
import { type Exemption, EXEMPTIONS } from "./tidy/exemptions.ts";
import { layerOf, mayImport } from "./tidy/layers.ts";
import { anchorsOf, relativeLinks } from "./tidy/markdown.ts";
import { allFiles, lineCount, type Module, readModule, readText } from "./tidy/source_tree.ts";

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

/** They say nothing about what is inside, so anything ends up there. */
const BANNED_NAMES = new Set(["utils", "util", "helpers", "helper", "common", "misc", "index"]);

/** What others start with: nobody needs to import it. */
const DOORS = new Set([
  ...Object.values(project.tasks).flatMap(({ command }) =>
    command.match(/\bsrc\/\S+\.ts\b/g) ?? []
  ),
  ...Object.values(project.exports).map((path) => path.slice(2)),
]);

/** Folders beside the backends that are none. */
const NOT_BACKENDS = new Set([
  "backends/sql/",
  "backends/loading/",
  "backends/sandbox/",
  "backends/conformance/",
]);

const FILES = allFiles();
const MODULES: readonly Module[] = FILES
  .filter((path) => path.endsWith(".ts") && !path.startsWith("gen/"))
  .map(readModule);

const exemptionsUsed = new Set<Exemption>();

function isExempt(rule: Exemption["rule"], subject: string): boolean {
  const found = EXEMPTIONS.find((one) => one.rule === rule && one.subject === subject);
  if (found !== undefined) exemptionsUsed.add(found);
  return found !== undefined;
}

function isTest(path: string): boolean {
  return path.endsWith("_test.ts") || path.endsWith("_bench.ts");
}

/** What only tests use, wherever it lies. */
function isSupport(path: string): boolean {
  return path.startsWith("tests/") || path.includes("/testing/") || path.includes("/fake_");
}

function isShipped(path: string): boolean {
  const isSource = path.startsWith("src/") || path.startsWith("backends/");
  return isSource && !isTest(path) && !isSupport(path);
}

function assertNone(violations: readonly string[]): void {
  assert.equal(violations.length, 0, `\n${violations.join("\n")}\n`);
}

Deno.test("tidy: every shipped file has a layer and imports only what its layer may", () => {
  const violations: string[] = [];
  for (const { path, imports } of MODULES.filter(({ path }) => isShipped(path))) {
    const layer = layerOf(path);
    if (layer === undefined) {
      violations.push(`${path} has no layer; give it one in tests/tidy/layers.ts`);
      continue;
    }
    for (const target of imports.filter((one) => !mayImport(layer, one.path))) {
      if (isExempt("layers", path)) continue;
      violations.push(`${path} (layer ${layer}) must not import ${target.path}`);
    }
  }
  assertNone(violations);
});

Deno.test("tidy: only the registry names a backend, and imports it when it is asked for", () => {
  const violations: string[] = [];
  for (const { path, imports } of MODULES.filter(({ path }) => isShipped(path))) {
    for (const target of imports) {
      const folder = /^backends\/[^/]+\//.exec(target.path)?.[0];
      if (folder === undefined || path.startsWith(folder) || NOT_BACKENDS.has(folder)) continue;
      if (path === "backends/registry.ts" && target.isDynamic) continue;
      if (isExempt("layers", path)) continue;
      violations.push(`${path} names the backend ${target.path}`);
    }
  }
  assertNone(violations);
});

Deno.test("tidy: what authors of backends import by URL needs no names of deno.json", () => {
  const byPath = new Map(MODULES.map((module) => [module.path, module]));
  const { exports } = project;
  const doors = [exports["./contract"], exports["./kit"], exports["./conformance"]];
  const reached = new Set(doors.map((path) => path.slice(2)));
  // A set gives what is added while it is walked, too.
  for (const path of reached) {
    for (const { path: target } of byPath.get(path)?.imports ?? []) reached.add(target);
  }
  assert.ok(reached.has("backends/conformance/trim_facts.ts"));
  assertNone(
    [...reached].flatMap((path) =>
      (byPath.get(path)?.externals ?? []).filter((name) => !name.startsWith("node:"))
        .map((name) => `${path} imports ${name}`)
    ),
  );
});

Deno.test("tidy: files have at most 400 lines and functions at most 70", () => {
  const violations: string[] = [];
  for (const { path, text, functions } of MODULES) {
    const lines = lineCount(text);
    if (lines > FILE_LINES_MAX && !isExempt("file length", path)) {
      violations.push(`${path} has ${lines} lines`);
    }
    for (const { name, lines } of functions.filter(({ lines }) => lines > FUNCTION_LINES_MAX)) {
      if (isExempt("function length", `${path}#${name}`)) continue;
      violations.push(`${path}: ${name} has ${lines} lines`);
    }
  }
  assertNone(violations);
});

Deno.test("tidy: files are named in snake_case, after what is in them", () => {
  const violations: string[] = [];
  for (const { path } of MODULES) {
    const name = path.slice(path.lastIndexOf("/") + 1).replace(/\.ts$/, "");
    if (/^[a-z0-9]+(_[a-z0-9]+)*$/.test(name) && !BANNED_NAMES.has(name)) continue;
    if (!isExempt("file name", path)) violations.push(path);
  }
  assertNone(violations);
});

Deno.test("tidy: nothing is dead: every shipped or supporting file is imported by another", () => {
  const imported = new Set(MODULES.flatMap(({ imports }) => imports.map(({ path }) => path)));
  const shippedImports = new Set(
    MODULES.filter(({ path }) => isShipped(path)).flatMap(({ imports }) =>
      imports.map(({ path }) => path)
    ),
  );
  const violations: string[] = [];
  for (const { path } of MODULES) {
    if (isTest(path) || DOORS.has(path)) continue;
    // What only tests import is dead in src, and alive in tests.
    const users = isShipped(path) ? shippedImports : imported;
    const isNeeded = isShipped(path) || isSupport(path);
    if (isNeeded && !users.has(path) && !isExempt("dead file", path)) violations.push(path);
  }
  assertNone(violations);
});

Deno.test("tidy: shipped files print only through the log, and notes of unfinished work name their issue", () => {
  const violations: string[] = [];
  for (const { path, text } of MODULES) {
    for (const [number, line] of text.split("\n").entries()) {
      const isWrong = (isShipped(path) && /\bconsole\./.test(line)) ||
        // Spelled so that this line is not found itself.
        /\bFIX[M]E\b|\bTOD[O]\b(?!\(#\d+\):)/.test(line);
      if (isWrong) violations.push(`${path}:${number + 1}: ${line.trim()}`);
    }
  }
  assertNone(violations);
});

Deno.test("tidy: every file in gen/ says that it is generated", () => {
  const generated = FILES.filter((path) => path.startsWith("gen/"));
  assert.ok(generated.length > 0);
  assertNone(generated.filter((path) => !readText(path).includes("@generated by protoc-gen-es")));
});

Deno.test("tidy: relative links in Markdown lead to files and headings that exist", () => {
  const files = new Set(FILES);
  const folders = new Set(FILES.map((path) => path.slice(0, path.lastIndexOf("/"))));
  const violations: string[] = [];
  for (const from of FILES.filter((path) => path.endsWith(".md"))) {
    for (const { text, path, anchor } of relativeLinks(from)) {
      const target = path.replace(/\/$/, "");
      if (!files.has(target) && !folders.has(target)) violations.push(`${from}: ${text}`);
      else if (anchor !== "" && !anchorsOf(target).has(anchor)) {
        violations.push(`${from}: ${text} (no such heading)`);
      }
    }
  }
  assertNone(violations);
});

const CHANGELOG_SECTIONS = ["Safety", "Compatibility", "Features", "Performance", "Internals"];

Deno.test("tidy: the changelog begins with this version and uses the known sections in order", () => {
  const headings = readText("docs/changelog.md").split("\n").filter((line) => /^##/.test(line));
  const [newest = ""] = headings;
  assert.match(newest, /^## \d+\.\d+\.\d+ \((unreleased|\d{4}-\d{2}-\d{2})\)$/);
  assert.equal(newest.split(" ")[1], project.version);
  let lastSection = -1;
  for (const heading of headings) {
    if (heading.startsWith("## ")) lastSection = -1;
    else {
      const section = CHANGELOG_SECTIONS.indexOf(heading.replace("### ", ""));
      assert.ok(section > lastSection, `"${heading}" is unknown or out of order`);
      lastSection = section;
    }
  }
});

Deno.test("tidy: every dependency is pinned to an exact version", () => {
  const loose = Object.values(project.imports).filter((from) => !/@\d+\.\d+\.\d+\/?$/.test(from));
  assertNone(loose);
});

Deno.test("tidy: every exemption is still needed", () => {
  assertNone(
    EXEMPTIONS.filter((one) => !exemptionsUsed.has(one)).map((one) =>
      `${one.rule}: ${one.subject}`
    ),
  );
});
