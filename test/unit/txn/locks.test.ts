import assert from "node:assert/strict";
import { test } from "node:test";
import { footprintOf, Locks } from "../../../server/txn/locks.ts";
import { get, intend, keyIs, list, partOf, put, remove, removeSpan, spanIs, spanOf, value } from "./fixtures.ts";

const readsK = partOf({ success: [get("k")] });
const writesK = partOf({ success: [put("k", "1")] });

test("who writes keeps out readers and writers of the key, who reads keeps out writers", () => {
  const table = [
    [readsK, readsK, false],
    [readsK, writesK, true],
    [writesK, readsK, true],
    [writesK, writesK, true],
  ] as const;
  for (const [held, wanted, conflicts] of table) {
    const locks = new Locks<string>();
    locks.hold("first", footprintOf(held));
    assert.equal(locks.conflict(footprintOf(wanted)), conflicts ? "first" : null);
  }
});

test("both branches and the comparisons count, keys and spans alike", () => {
  const parts = [
    partOf({ failure: [remove("k")] }),
    partOf({ failure: [removeSpan(spanOf("a", "z"))] }),
    partOf({ comparisons: [keyIs("k", "equal", value("1"))] }),
    partOf({ comparisons: [spanIs(spanOf("k", "l"), "equal", value("1"))] }),
    partOf({ success: [list(spanOf("j"))] }),
  ];
  for (const part of parts) {
    const locks = new Locks<string>();
    locks.hold("first", footprintOf(part));
    assert.equal(locks.conflict(footprintOf(writesK)), "first");
  }
});

test("neighbours of a key are free", () => {
  const locks = new Locks<string>();
  locks.hold("first", footprintOf(partOf({ success: [put("k", "1"), removeSpan(spanOf("m", "n"))] })));
  for (const key of ["j\u00ff", "k\u0000", "l", "n"]) {
    assert.equal(locks.conflict(footprintOf(partOf({ success: [put(key, "1")] }))), null, key);
  }
});

test("what is released is free, and others stay held", () => {
  const locks = new Locks<string>();
  locks.hold("first", footprintOf(writesK));
  locks.hold("second", footprintOf(partOf({ success: [put("m", "1")] })));
  locks.release("first");
  assert.equal(locks.conflict(footprintOf(writesK)), null);
  assert.equal(locks.conflict(footprintOf(partOf({ success: [get("m")] }))), "second");
});

test("two planned changes of one owner keep each other out, of different owners not, and keys are free", () => {
  const of = (name: string) => footprintOf(partOf({ success: [intend(name)] }));
  const locks = new Locks<string>();
  locks.hold("first", of("n208"));
  assert.equal(locks.conflict(of("n208")), "first");
  assert.equal(locks.conflict(of("n210")), null);
  assert.equal(locks.conflict(footprintOf(writesK)), null);
  locks.release("first");
  assert.equal(locks.conflict(of("n208")), null);
});
