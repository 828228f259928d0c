import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeHeld, encodeHeld } from "../../../client/agent/held-groups.ts";
import { foreground, resource, spec } from "./specs.ts";

const group = {
  spec: spec(["db", resource("app", { runner: foreground })]),
  stopBudgetMs: 5_000,
  starting: ["db"],
  children: [{ resource: "app", process: { pid: 70, startTicks: 7 } }],
  killAtMs: null,
};
const held = { boot: "b1", id: "0123456789abcdef", groups: [group] };
const text = encodeHeld(held);

test("held groups are read as they were written", () => {
  assert.deepEqual(decodeHeld(text), { type: "intact", held });
});

test("held groups of an earlier version, without id and checksum, are read, and of a foreground process nothing is known", () => {
  const { starting: _, killAtMs: __, children: ___, ...earlier } = group;
  const read = decodeHeld(JSON.stringify({ boot: "b1", groups: [earlier] }));
  const known = { ...group, starting: [], children: [{ resource: "app", process: null }] };
  assert.deepEqual(read, { type: "intact", held: { boot: "b1", id: null, groups: [known] } });
});

test("an earlier version reads held groups as its own", () => {
  const { boot, groups } = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual({ boot, groups }, { boot: held.boot, groups: held.groups });
});

test("held groups with any bit wrong, or cut anywhere, are damaged", () => {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at++) {
    const cut = decodeHeld(bytes.subarray(0, at).toString());
    assert.equal(cut.type, "damaged", `cut at ${at}`);
    for (let bit = 1; bit < 256; bit *= 2) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(bytes.readUInt8(at) ^ bit, at);
      const read = decodeHeld(flipped.toString());
      assert.equal(read.type, "damaged", `bit ${bit} of byte ${at}`);
    }
  }
});

test("what is no text of a guard is damaged, and said to be what it is", () => {
  const why = (other: string) => {
    const read = decodeHeld(other);
    return read.type === "damaged" ? read.why : read.type;
  };
  assert.equal(why(""), "it is empty");
  assert.equal(why("null"), "it is no JSON object");
  assert.equal(why("{"), "it is no JSON object");
  assert.equal(why("{}"), "it has no checksum");
  assert.equal(why('{"boot":"b1","id":"i","groups":[]}'), "it has no checksum");
  assert.equal(why(text.replace("orders", "others")), "its checksum is wrong");
});
