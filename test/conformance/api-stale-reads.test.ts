// Reads of keys of a group that has lost its quorum, as its operators want them to be answered (C3).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { ReadConsistency } from "../../proto/gen/bailiwick/v1/common_pb.ts";
import { GroupConfigSchema } from "../../proto/gen/bailiwick/v1/group_config_pb.ts";
import { KeyValueService } from "../../proto/gen/bailiwick/v1/key_value_pb.ts";
import { LostQuorumPolicy } from "../../proto/gen/bailiwick/v1/policy_pb.ts";
import { toRevision } from "../../proto/ids.ts";
import type { Reply, Request } from "../../proto/requests.ts";
import { entry, failed, statusOf } from "./api-fixtures.ts";
import { Harness, header } from "./api-harness.ts";

let harness: Harness;
before(async () => {
  harness = await Harness.start();
});
after(() => harness.stop());

const { get, list } = KeyValueService.method;
const bytes = (text: string) => new TextEncoder().encode(text);
const asked = { group: "rg220", key: bytes("k") };

/** A node with an owner of the group that is alone. */
function isAlone(lostQuorum: LostQuorumPolicy): (request: Request) => Reply {
  const revision = toRevision(9);
  const kv = {
    key: asked.key,
    value: bytes("v"),
    createRevision: revision,
    modRevision: revision,
    version: 1,
    lease: 0,
  };
  const stale = { ...header, stale: true };
  const status = statusOf(entry("rg220", ["n202", "n208", "n214"]));
  const config = toBinary(GroupConfigSchema, create(GroupConfigSchema, { lostQuorum }));
  return (request) => {
    switch (request.type) {
      case "groupStatus":
        return { type: "groupStatus", status: { ...status, object: { ...status.object, config } } };
      case "get":
        return request.consistency === "local" ? { type: "get", header: stale, kv } : failed;
      case "list":
        return request.consistency === "local"
          ? { type: "list", header: stale, kvs: [kv], count: 1, more: false }
          : failed;
      default:
        return failed;
    }
  };
}

test("a group without a quorum and with READ_ONLY for that answers keys as one owner has them, marked stale", async () => {
  harness.node.answer = isAlone(LostQuorumPolicy.READ_ONLY);
  const { header: of, keyValue } = await harness.call(get, asked);
  assert.deepEqual([of?.stale, keyValue?.value], [true, bytes("v")]);
  const page = await harness.call(list, { group: "rg220" });
  assert.deepEqual([page.header?.stale, page.count], [true, 1n]);
});

test("whoever asks for linearizable reads is refused, whatever the policy", async () => {
  harness.node.answer = isAlone(LostQuorumPolicy.READ_ONLY);
  const { info } = await harness.refused(get, { ...asked, consistency: ReadConsistency.LINEARIZABLE });
  assert.equal(info?.reason, "NO_QUORUM");
});

test("a group without a quorum and with another policy for that answers no keys", async () => {
  for (const lostQuorum of [LostQuorumPolicy.STOP, LostQuorumPolicy.UNSPECIFIED]) {
    harness.node.answer = isAlone(lostQuorum);
    assert.equal((await harness.refused(get, asked)).info?.reason, "NO_QUORUM");
    assert.equal((await harness.refused(list, { group: "rg220" })).info?.reason, "NO_QUORUM");
  }
});
