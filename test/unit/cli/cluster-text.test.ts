// Why a node is not simply up: the most important reason comes first.

import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { whyOf } from "../../../client/cli/cluster-text.ts";
import { toPlain } from "../../../client/plain.ts";
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
