// `events`: what it shows of the cluster's log and of a group's, what of it is wanted, and how it goes on.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecisionType } from "../../../proto/gen/bailiwick/v1/explanation_pb.ts";
import { fakeGroup } from "../client/fake-answers.ts";
import { FakeCluster } from "../client/fake-cluster.ts";
import { fakeDecisions, type GroupInit } from "../client/fake-placements.ts";
import { cli } from "./harness.ts";

const now = "2030-03-17T17:46:40Z";
const created = `4\t${now}\tcluster_created\t-\t-\tn210\tSilent on every path\n`;
const failed = `7\t${now}\tnode_failed\t-\tn208\tn210\tSilent on every path\n`;
const assigned = "rg220:60\t2030-03-17T17:45:40Z\tassigned\trg220\tn208 > n202\tpolicy\tn208 is down\n";
const stopWanted = "rg220:61\t2030-03-17T17:47:40Z\tstop_wanted\trg220\tn202\tmona\tnew disk\n";

function withDecisions(): FakeCluster {
  const cluster = new FakeCluster();
  cluster.group = fakeGroup({ decisions: fakeDecisions });
  return cluster;
}

async function shown(line: string, cluster = withDecisions()): Promise<string> {
  const { code, out, err } = await cli(`events ${line}`.trim(), { cluster });
  assert.deepEqual([code, err], [0, ""]);
  return out;
}

test("events lists those of the cluster, the oldest first", async () => {
  const cluster = withDecisions();
  assert.equal(await shown("", cluster), created + failed);
  assert.deepEqual(cluster.calls, ["127.0.0.1:7401 listClusterEvents"]);
  const { out } = await cli("events", { isTty: true });
  assert.match(out, /INDEX.*TIME.*EVENT.*GROUP.*NODE.*WHO.*WHY/);
});

test("events --group adds what the group's own log has, in the order of time", async () => {
  const cluster = withDecisions();
  assert.equal(await shown("--group rg220", cluster), assigned + stopWanted);
  cluster.refuse("getGroup", "no_quorum", { times: 1_000 });
  const { code, err } = await cli("events --group rg220", { cluster });
  assert.equal(code, 5);
  assert.match(err, /--local/);
  assert.equal((await cli("events --group rg999")).code, 3);
});

test("events shows only what is asked for: types, a node, since when, and how many", async () => {
  assert.equal(await shown("--type node_failed"), failed);
  assert.equal(await shown("--type NODE-FAILED,cluster_created"), created + failed);
  assert.equal(await shown("--node n208"), failed);
  assert.equal(await shown("--node n209"), "");
  assert.equal(await shown("--group rg220 --node n208"), assigned);
  assert.equal(await shown("--group rg220 --type stop_wanted,frozen"), stopWanted);
  assert.equal(await shown("--group rg220 --since 30s"), stopWanted);
  assert.equal(await shown("--group rg220 --since 2m"), assigned + stopWanted);
  assert.equal(await shown("--group rg220 --since 2030-03-17T17:46"), stopWanted);
  assert.equal(await shown("--group rg220 --since 2030-03-17T18:46+01:00"), stopWanted);
  assert.equal(await shown("--group rg220 --since 2030-03-18"), "");
  const { out, err } = await cli("events --limit 1");
  assert.deepEqual([out, err], [failed, "there are older ones: see --limit\n"]);
});

test("events -o json has every event as the API has it, with its log", async () => {
  const answer = JSON.parse(await shown("--group rg220 -o json")) as { events: Record<string, unknown>[] };
  assert.deepEqual(Object.keys(answer), ["header", "events", "isMore"]);
  const [{ log, index, type, from, to, epoch, who, why, time, manager } = {}] = answer.events;
  assert.deepEqual([log, index, type, from, to, epoch], ["rg220", 60, "assigned", "n208", "n202", 5]);
  assert.deepEqual([who, why, time, manager], ["policy", "n208 is down", "2030-03-17T17:45:40Z", "n214"]);
  const [, event] = (JSON.parse(await shown("-o json")) as typeof answer).events;
  assert.deepEqual(
    [event?.["log"], event?.["index"], event?.["type"], event?.["node"]],
    ["cluster", 7, "node_failed", "n208"],
  );
});

test("events --watch goes on behind what it has shown, one line each", async () => {
  const cluster = withDecisions();
  const onOutput = (text: string, interrupt: () => void) => {
    if (/"n214"/.test(text)) interrupt();
  };
  const { code, out } = await cli("events --watch -o json", { cluster, onOutput });
  assert.equal(code, 130);
  const lines = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { node: string });
  assert.deepEqual(
    lines.map(({ node }) => node),
    ["", "n208", "n214"],
  );
  assert.equal(cluster.watches[0]?.startRevision, 8n);
});

/** A group that has decided what is given, the newest first. */
function decided(...indexes: readonly bigint[]): GroupInit {
  const decisions = indexes.map((index) => ({ index, type: DecisionType.FROZEN, who: "mona", why: `as of ${index}` }));
  return fakeGroup({ decisions });
}

test("events --watch --group tells each decision of the group once, and says when some may be missing", async () => {
  const cluster = withDecisions();
  cluster.groupStates = [decided(61n, 60n), decided(63n, 62n, 61n), decided(63n, 62n, 61n), decided(90n, 89n)];
  const onOutput = (text: string, interrupt: () => void) => {
    if (text.includes("as of 90")) interrupt();
  };
  const { code, out, err } = await cli("events --watch --limit 0 --group rg220", { cluster, onOutput });
  assert.equal(code, 130);
  assert.deepEqual(out.match(/as of [0-9]+/g), ["as of 62", "as of 63", "as of 89", "as of 90"]);
  assert.match(err, /rg220: more was decided at once than it remembers; what was behind 63 is not shown/);
  assert.equal(err.match(/more was decided/g)?.length, 1);
});

test("events --watch --group begins anew with a group that was created again", async () => {
  const cluster = withDecisions();
  cluster.groupStates = [{ ...decided(5n), incarnation: 4n }];
  const onOutput = (text: string, interrupt: () => void) => {
    if (text.includes("as of 5")) interrupt();
  };
  const { out } = await cli("events --watch --limit 0 --group rg220 --type frozen", { cluster, onOutput });
  assert.match(out, /^rg220:5\t-\tfrozen\trg220\t-\tmona\tas of 5\n$/);
});

test("an error of one watch ends the other, and is told", async () => {
  const cluster = withDecisions();
  cluster.groupStates = [decided(61n)];
  const onOutput = (text: string) => {
    if (text.includes("watching from")) cluster.refuse("watch", "compacted", { times: 9 });
  };
  cluster.refuse("watch", "compacted");
  const { code, err } = await cli("events --watch --group rg220", { cluster, onOutput });
  assert.equal(code, 3);
  assert.match(err, /compacted/);
});

const refused: readonly (readonly [string, RegExp])[] = [
  ["--type node_faild", /--type "node_faild" is no type of events: did you mean node_failed\?/],
  ["--type drained", /did you mean node_drained\?/],
  [
    "--type node_dwn",
    /"node_dwn" is no type of events: of node there are node_added, .*node_failed, .*node_readmitted$/m,
  ],
  ["--type xyzzy", /--type "xyzzy" is no type of events: see bailiwick events --help/],
  ["--type node_failed,frozen", /frozen is in the log of a group: name it with --group/],
  ["--since yesterday", /--since is "yesterday", neither a time ago such as 90s, 10m, 2h, 7d nor a date/],
  ["--since 2026-02-30T25:00", /--since is "2026-02-30T25:00"/],
  ["--limit 1001", /--limit is "1001", not an integer from 0 to 1000/],
  ["--local", /--local is of a group: name it with --group/],
];
for (const [flags, message] of refused) {
  test(`events ${flags} is wrong usage, and says why`, async () => {
    const cluster = new FakeCluster();
    const { code, err } = await cli(`events ${flags}`, { cluster });
    assert.deepEqual([code, cluster.calls], [2, []]);
    assert.match(err, message);
  });
}

test("events --help names every type, in lines that fit a terminal", async () => {
  const { out } = await cli("events --help");
  for (const type of ["node_reintegrated", "group_recovered", "stop_wanted", "error_cleared"])
    assert.ok(out.includes(type));
  for (const line of out.split("\n")) assert.ok(line.length <= 140, line);
});
