// What operators and programs have said is printed for people on one line, and moves nobody's cursor.

import assert from "node:assert/strict";
import { test } from "node:test";
import pc from "picocolors";
import { type PlainGroup, placementText } from "../../../client/cli/cluster-text.ts";
import { Output } from "../../../client/cli/output.ts";
import { printClusterEvent } from "../../../client/cli/watch-lines.ts";
import type { ToldClusterEvent } from "../../../client/status-watch.ts";
import { DecisionType } from "../../../proto/gen/bailiwick/v1/explanation_pb.ts";
import { OwnershipState } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import { fakeGroup } from "../client/fake-answers.ts";
import { FakeCluster } from "../client/fake-cluster.ts";
import { cli } from "./harness.ts";

const said = "new\n7\tcluster_created\u001b[2J\u001b]0;x\u0007\u009b1Adisk";
const shown = "new 7 cluster_created [2J ]0;x 1Adisk";
const group = fakeGroup({
  ownershipState: OwnershipState.SUSPENDED,
  why: said,
  intent: { online: true, frozen: true, frozenWhy: said },
  decisions: [{ index: 61n, type: DecisionType.FROZEN, who: said, why: said }],
});

for (const [line, isTty] of [
  ["events --group rg220", false],
  ["events --group rg220", true],
  ["events --group rg220 --watch", false],
  ["status", false],
  ["status", true],
  ["group get rg220", false],
] as const) {
  test(`${line} prints control characters as blanks${isTty ? " on a terminal, and its own colours" : ""}`, async () => {
    const cluster = new FakeCluster();
    cluster.group = group;
    cluster.statusGroups = [group];
    cluster.groupStates = [group];
    const onOutput = (text: string, interrupt: () => void) => void (text.includes("frozen") && interrupt());
    const { out } = await cli(line, { cluster, isTty, onOutput });
    assert.ok(out.includes(shown), JSON.stringify(out));
    const uncoloured = out.replaceAll(/\p{Cc}\[[0-9]{1,2}m/gu, "");
    assert.doesNotMatch(uncoloured, /(?![\n\t])\p{Cc}|^7\t/mu);
    assert.equal(uncoloured !== out, isTty);
  });
}

test("the line on how a group stands is one line, whatever its reason is", () => {
  const stopped = { ownershipState: "suspended", currentOwner: "", why: said } as unknown as PlainGroup;
  assert.equal(placementText(stopped, pc.createColors(false)), `suspended: ${shown}`);
});

test("watch --cluster prints an event a line, whatever is said in it", () => {
  const printed: string[] = [];
  const out = (data: string | Uint8Array) => void printed.push(String(data));
  const output = new Output({ format: "table", isTty: true, isColoured: true, out, err: out, toYaml: String });
  const event = { index: 7, event: { time: undefined, type: "node_drained", group: "", node: "n208", why: said } };
  printClusterEvent(output, event as unknown as ToldClusterEvent);
  assert.deepEqual(printed, [`7\t-\tnode_drained\tn208\t${shown}\n`]);
});
