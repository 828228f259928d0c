// Plays the tables of this folder. `UPDATE=1 node --test test/golden/raft/membership/run.test.ts` rewrites what is expected,
// comments kept: read the difference.

import { strict as assert } from "node:assert";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { toNodeId } from "../../../../proto/ids.ts";
import { type MembershipCase, membershipTable } from "../table.ts";
import { isNode, playTable } from "./play.ts";

const folder = import.meta.dirname;
const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));

for (const name of names) {
  test(`membership/${name} plays as written`, () => {
    const cases = membershipTable(name.replace(/\.txt$/, ""));
    const played = playTable(cases);
    if (process.env["UPDATE"]) rewrite(`${folder}/${name}`, played);
    else assert.deepEqual(played, cases);
  });
}

test("a node without a name is in no membership", () => {
  assert.equal(isNode(toNodeId("")), false);
  assert.equal(isNode(toNodeId("n1")), true);
});

function rewrite(path: string, played: readonly MembershipCase[]): void {
  const kept = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line === "" || line.startsWith("#") || line.startsWith("> "));
  let position = 0;
  const lines = kept.flatMap((line) =>
    line.startsWith("> ") ? [line, ...(played[position++]?.expected ?? [])] : [line],
  );
  writeFileSync(path, lines.join("\n"));
}
