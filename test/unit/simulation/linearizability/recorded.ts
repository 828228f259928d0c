// Reads the recorded histories of one register: a line an event, `process :invoke|:ok|:fail|:info :operation value`, in the
// order of time. The files are test vectors beside the project; they are not part of it.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { RegisterInput, RegisterOperation, RegisterResult } from "./register.ts";

const folder = fileURLToPath(new URL("../../../../../shared/vectors/histories/", import.meta.url));

export interface Recorded {
  readonly name: string;
  readonly isLinearizable: boolean;
  readonly history: readonly RegisterOperation[];
}

/** @returns null when the vectors are not there */
export function readRecorded(): readonly Recorded[] | null {
  if (!existsSync(`${folder}verdicts.txt`)) return null;
  const lines = readFileSync(`${folder}verdicts.txt`, "utf8").trim().split("\n");
  return lines.map((line) => {
    const [name = "", verdict = ""] = line.split(/\s+/);
    assert.match(verdict, /^(true|false)$/, line);
    return { name, isLinearizable: verdict === "true", history: parseHistory(readFileSync(folder + name, "utf8")) };
  });
}

interface Open {
  readonly input: RegisterInput;
  readonly invoked: number;
}

export function parseHistory(text: string): readonly RegisterOperation[] {
  const open = new Map<string, Open>();
  const history: RegisterOperation[] = [];
  for (const [at, line] of text.trim().split("\n").entries()) {
    const event = /(\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(.+)$/.exec(line);
    assert.ok(event !== null, `line ${at + 1}: ${line}`);
    const [, process = "", type = "", operation = "", value = ""] = event;
    if (type === "invoke") {
      assert.ok(!open.has(process), `line ${at + 1}: process ${process} has an operation open`);
      open.set(process, { input: inputOf(operation, value), invoked: at });
      continue;
    }
    const begun = open.get(process);
    assert.ok(begun !== undefined && begun.input.type === operation, `line ${at + 1}: nothing to end`);
    open.delete(process);
    history.push(...ended(begun, { type, value, at }));
  }
  return [...history, ...[...open.values()].map(pending)];
}

function ended({ input, invoked }: Open, event: { type: string; value: string; at: number }): RegisterOperation[] {
  if (event.value === ":timed-out") return input.type === "read" ? [] : [pending({ input, invoked })];
  assert.notEqual(event.type, "info");
  return [{ input, result: resultOf(input, event), invoked, returned: event.at }];
}

function pending({ input, invoked }: Open): RegisterOperation {
  return { input, result: null, invoked, returned: Number.POSITIVE_INFINITY };
}

function inputOf(operation: string, value: string): RegisterInput {
  if (operation === "read") return { type: "read" };
  if (operation === "write") return { type: "write", value: Number(value) };
  const [from = Number.NaN, to = Number.NaN] = (value.match(/\d+/g) ?? []).map(Number);
  assert.ok(Number.isInteger(from) && Number.isInteger(to), value);
  return { type: "cas", from, to };
}

function resultOf(input: RegisterInput, { type, value }: { type: string; value: string }): RegisterResult {
  if (type === "fail") {
    assert.equal(input.type, "cas", "only a cas is refused");
    return { type: "refused" };
  }
  return input.type === "read" ? { type: "read", value: value === "nil" ? null : Number(value) } : { type: "written" };
}
