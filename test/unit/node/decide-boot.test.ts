// Every relation of the two boot numbers, and what a start concludes from it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decideBoot } from "../../../server/node/decide-boot.ts";

const outcome = (keyBoot: number, dataBoot: number, disowned = 0) => {
  const decision = decideBoot({ keyBoot, dataBoot, disowned });
  return `${decision.type} ${decision.boot}`;
};

test("decideBoot() starts when key and data agree, or the last start ended between its two writes", () => {
  assert.equal(outcome(0, 0), "start 1");
  assert.equal(outcome(4, 4), "start 5");
  assert.equal(outcome(0, 1), "start 2");
  assert.equal(outcome(4, 5), "start 6");
});

test("decideBoot() leaves out the numbers of starts that were given up, and starts after a start that ended there", () => {
  assert.equal(outcome(2, 2, 5), "start 6");
  assert.equal(outcome(2, 6, 5), "start 7");
  assert.equal(outcome(6, 6, 5), "start 7");
  assert.equal(outcome(6, 2, 5), "quarantine 7");
  assert.equal(outcome(2, 7, 5), "quarantine 8");
});

test("decideBoot() quarantines data that is wiped or older than the key, under a number never used", () => {
  assert.equal(outcome(1, 0), "quarantine 2");
  assert.equal(outcome(4, 0), "quarantine 5");
  assert.equal(outcome(4, 3), "quarantine 5");
});

test("decideBoot() quarantines under a key that is older than the data", () => {
  assert.equal(outcome(0, 2), "quarantine 3");
  assert.equal(outcome(4, 6), "quarantine 7");
});

test("decideBoot() says which of the two is the old one", () => {
  const reason = (keyBoot: number, dataBoot: number) => {
    const decision = decideBoot({ keyBoot, dataBoot, disowned: 0 });
    return decision.type === "quarantine" ? decision.reason : "";
  };
  assert.match(reason(4, 0), /wiped/);
  assert.match(reason(4, 3), /data directory is an old copy.*start 4.*start 3/);
  assert.match(reason(4, 9), /key file is an old copy.*start 4.*start 9/);
});
