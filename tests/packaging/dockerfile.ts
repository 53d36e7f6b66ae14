/** A Dockerfile as stages of instructions, read by Docker's own language service. */

import assert from "node:assert/strict";
import { DockerfileParser, type Instruction, type JSONInstruction } from "dockerfile-ast";
import type { From, ModifiableInstruction, PropertyInstruction } from "dockerfile-ast";

export interface Step {
  /** In capitals. */
  readonly keyword: string;
  readonly flags: ReadonlyMap<string, string>;
  /** The words behind the keyword; of ENTRYPOINT, CMD and HEALTHCHECK those of the JSON form, and none of a shell's. */
  readonly words: readonly string[];
  /** All behind the keyword, on one line. */
  readonly text: string;
  /** Of ENV and LABEL. */
  readonly properties: readonly (readonly [name: string, value: string])[];
}

export interface Stage {
  readonly image: string;
  readonly name: string;
  readonly steps: readonly Step[];
}

/** @throws {AssertionError} if it does not begin with FROM */
export function readDockerfile(text: string): Stage[] {
  const stages: { image: string; name: string; steps: Step[] }[] = [];
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    if (instruction.getKeyword() === "FROM") {
      const from = instruction as From;
      const name = from.getBuildStage() ?? String(stages.length);
      stages.push({ image: from.getImage() ?? "", name, steps: [] });
      continue;
    }
    const stage = stages.at(-1);
    assert.ok(stage, `${instruction.getKeyword()} before the first FROM`);
    stage.steps.push(stepOf(instruction));
  }
  return stages;
}

function stepOf(instruction: Instruction): Step {
  const keyword = instruction.getKeyword();
  const text = instruction.getArgumentsContent() ?? "";
  const flags = "getFlags" in instruction ? (instruction as ModifiableInstruction).getFlags() : [];
  const properties = "getProperties" in instruction
    ? (instruction as PropertyInstruction).getProperties()
    : [];
  return {
    keyword,
    text,
    flags: new Map(flags.map((flag) => [flag.getName(), flag.getValue() ?? ""])),
    words: wordsOf(keyword, { instruction, text }),
    properties: properties.map((one) => [one.getName(), one.getValue() ?? ""]),
  };
}

function wordsOf(
  keyword: string,
  { instruction, text }: { readonly instruction: Instruction; readonly text: string },
): string[] {
  if (keyword === "HEALTHCHECK") {
    const [, json] = /CMD\s+(\[.*\])\s*$/s.exec(text) ?? [];
    return json === undefined ? [] : JSON.parse(json.replaceAll(/\\\s*\n/g, ""));
  }
  if (keyword === "ENTRYPOINT" || keyword === "CMD") {
    return (instruction as JSONInstruction).getJSONStrings().map((one) => one.getJSONValue());
  }
  return instruction.getArguments().map((one) => one.getValue());
}
