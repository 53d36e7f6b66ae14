/** The repository's own files, and what the syntax trees of its modules say. */

import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Not written by us, or not to be committed. */
const FOREIGN = new Set([".git", ".cache", "node_modules", "db", "coverage", "dist"]);

/** One `import` or `export … from` of another file of the repository. */
export interface Import {
  /** Path from the root. */
  readonly path: string;
  /** By `import(…)` rather than by a declaration. */
  readonly isDynamic: boolean;
  readonly isTypeOnly: boolean;
}

export interface FunctionSize {
  readonly name: string;
  readonly lines: number;
}

export interface Module {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
  readonly functions: readonly FunctionSize[];
}

/** Paths of all files from the root, in order. */
export function allFiles(dir = ""): string[] {
  const paths: string[] = [];
  for (const entry of Deno.readDirSync(join(ROOT, dir))) {
    const path = dir === "" ? entry.name : `${dir}/${entry.name}`;
    if (FOREIGN.has(entry.name)) continue;
    if (entry.isDirectory) paths.push(...allFiles(path));
    else paths.push(path);
  }
  return paths.sort();
}

export function readText(path: string): string {
  return Deno.readTextFileSync(join(ROOT, path));
}

export function lineCount(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

export function readModule(path: string): Module {
  const text = readText(path);
  const imports: Import[] = [];
  const functions: FunctionSize[] = [];
  Deno.lint.runPlugin(factCollector({ path, imports, functions }), path, text);
  return { path, text, imports, functions };
}

interface Facts {
  readonly path: string;
  readonly imports: Import[];
  readonly functions: FunctionSize[];
}

type FunctionNode =
  | Deno.lint.FunctionDeclaration
  | Deno.lint.FunctionExpression
  | Deno.lint.ArrowFunctionExpression;

/** A lint plugin that reports nothing and takes notes: the way to Deno's parser without a dependency. */
function factCollector({ path, imports, functions }: Facts): Deno.lint.Plugin {
  function addImport(specifier: string, kind: { isDynamic: boolean; isTypeOnly: boolean }): void {
    if (!specifier.startsWith(".")) return;
    const target = join(ROOT, dirname(path), specifier);
    imports.push({ path: relative(ROOT, target).replaceAll("\\", "/"), ...kind });
  }
  const create = (context: Deno.lint.RuleContext): Deno.lint.LintVisitor => {
    function addFunction(node: FunctionNode): void {
      const lines = context.sourceCode.getText(node).split("\n").length;
      functions.push({ name: functionName(node), lines });
    }
    return {
      ImportDeclaration: (node) =>
        addImport(node.source.value, { isDynamic: false, isTypeOnly: node.importKind === "type" }),
      ExportAllDeclaration: (node) =>
        addImport(node.source.value, { isDynamic: false, isTypeOnly: node.exportKind === "type" }),
      ExportNamedDeclaration(node) {
        if (node.source === null) return;
        const isTypeOnly = node.exportKind === "type";
        addImport(node.source.value, { isDynamic: false, isTypeOnly });
      },
      ImportExpression(node) {
        if (node.source.type !== "Literal" || typeof node.source.value !== "string") return;
        addImport(node.source.value, { isDynamic: true, isTypeOnly: false });
      },
      NewExpression(node) {
        // How a worker's module is named: new URL("./worker.ts", import.meta.url).
        const [first] = node.arguments;
        if (node.callee.type !== "Identifier" || node.callee.name !== "URL") return;
        if (first?.type !== "Literal" || typeof first.value !== "string") return;
        if (first.value.endsWith(".ts")) {
          addImport(first.value, { isDynamic: true, isTypeOnly: false });
        }
      },
      FunctionDeclaration: addFunction,
      FunctionExpression: addFunction,
      ArrowFunctionExpression: addFunction,
    };
  };
  return { name: "tidy", rules: { facts: { create } } };
}

function functionName(node: FunctionNode): string {
  if ("id" in node && node.id) return node.id.name;
  const parent = node.parent;
  if ("key" in parent && parent.key && parent.key.type === "Identifier") return parent.key.name;
  if (parent.type === "VariableDeclarator" && parent.id.type === "Identifier") {
    return parent.id.name;
  }
  return "a function without a name";
}
