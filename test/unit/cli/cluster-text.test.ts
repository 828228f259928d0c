// Why a node is not simply up: the most important reason comes first.

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { disputeText, whyOf } from "../../../client/cli/cluster-text.ts";
import { toPlain } from "../../../client/plain.ts";
import { GroupSchema } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import { NodeSchema } from "../../../proto/gen/bailiwick/v1/node_pb.ts";
import { RecoveryStatus } from "../../../proto/gen/bailiwick/v1/status_pb.ts";

const silent = { group: "rg220", status: RecoveryStatus.DOWN, why: "Silent for 2.1 s" };

test("whyOf() tells of a quarantine, of refused writes, of verdicts, in this order, or of nothing", () => {
  const why = (fields: object) => whyOf(toPlain(NodeSchema, create(NodeSchema, fields)));
  const quarantine = { quarantined: true, quarantineReason: "wiped" };
  const refusing = { writesRefusedWhy: "The disk is low" };
  assert.equal(why({ ...quarantine, ...refusing, verdicts: [silent] }), "quarantined: wiped");
  assert.equal(why({ ...refusing, verdicts: [silent] }), "takes no writes: The disk is low");
  assert.equal(why({ verdicts: [silent] }), "rg220: Silent for 2.1 s");
  assert.equal(why({}), "-");
});

test("disputeText() names the owners that differ, with the index and their hashes", () => {
  const textOf = (fields: MessageInitShape<typeof GroupSchema>) => {
    return disputeText(toPlain(GroupSchema, create(GroupSchema, fields)));
  };
  assert.equal(textOf({ name: "rg220" }), "");
  const hashes = [
    { node: "n202", hash: "00000000000000aa" },
    { node: "n208", hash: "00000000000000bb" },
  ];
  assert.equal(
    textOf({ name: "rg220", dispute: { index: 70n, hashes } }),
    "read-only: the owners differ at index 70 and no state has a quorum: n202 00000000000000aa, n208 00000000000000bb",
  );
});
