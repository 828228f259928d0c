// What a note looks like as a line of the log.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toNodeId } from "../../../proto/ids.ts";
import { createJournal } from "../../../server/adapters/journal.ts";

function linesOf(level: "info" | "warn"): { lines: string[]; write: (line: string) => void; level: typeof level } {
  const lines: string[] = [];
  return { lines, level, write: (line) => lines.push(line) };
}

test("note() writes one JSON line with level, writer, text and fields", () => {
  const sink = linesOf("info");
  createJournal({ node: toNodeId("n208"), level: "info" }, sink).note("warn", "Node n214 is down", {
    node: "n214",
    group: "rg220",
    term: 7,
    owner: null,
  });
  assert.equal(sink.lines.length, 1);
  assert.match(sink.lines[0] as string, /\n$/);
  const { time, ...rest } = JSON.parse(sink.lines[0] as string);
  assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(rest, {
    level: "warn",
    self: "n208",
    msg: "Node n214 is down",
    node: "n214",
    group: "rg220",
    term: 7,
    owner: null,
  });
});

test("note() is silent below the level", () => {
  const sink = linesOf("warn");
  const journal = createJournal({ node: toNodeId("n208"), level: "warn" }, sink);
  journal.note("info", "Heard of it", {});
  journal.note("warn", "Worse", {});
  assert.equal(sink.lines.length, 1);
});
