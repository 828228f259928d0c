// What operators want of a group's application, why it is where it is, and how the status screen tells of both.

import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Output } from "../../../client/cli/output.ts";
import { statusScreen } from "../../../client/cli/status-screen.ts";
import type { StatusAnswer } from "../../../client/index.ts";
import { toPlain } from "../../../client/plain.ts";
import { GetStatusResponseSchema } from "../../../proto/gen/bailiwick/v1/cluster_service_pb.ts";
import { OwnershipState } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import { fakeGroup, fakeStatus } from "../client/fake-answers.ts";
import { FakeCluster } from "../client/fake-cluster.ts";
import { type GroupInit, groupInError, groupWithResources } from "../client/fake-placements.ts";
import { cli } from "./harness.ts";

const { ACQUIRING, OFFLINE, ONLINE, RELEASING } = OwnershipState;

/** The group on its way, as a node tells of it. */
function state(ownershipState: OwnershipState, currentOwner: string, more: GroupInit = {}): GroupInit {
  return fakeGroup({ ownershipState, currentOwner, appliedIndex: 70n, ...more });
}

/** A pause that lasts until it is ended. */
function untilAborted(_: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function callsOf(cluster: FakeCluster): readonly string[] {
  return cluster.calls.map((call) => call.replace("127.0.0.1:7401 ", "")).filter((call) => call !== "watch");
}

test("group move, start and stop say what was asked for, and how the group stands now, which may be as before", async () => {
  const cluster = new FakeCluster();
  cluster.placed = state(RELEASING, "n202", { why: "Moves to n208" });
  const moved = await cli("group move rg220 --to n208 --if-epoch 5", { cluster });
  assert.deepEqual(
    [moved.code, moved.out, moved.err],
    [0, "Asked to move rg220 to n208; now releasing on n202: Moves to n208\n", ""],
  );
  cluster.placed = state(OFFLINE, "");
  assert.equal(
    (await cli("group start rg220 --on n214", { cluster })).out,
    "Asked to start rg220 on n214; now offline\n",
  );
  const stopped = (await cli("group stop rg220 -o json", { cluster })).json() as { group: { ownershipState: string } };
  assert.equal(stopped.group.ownershipState, "offline");
  assert.deepEqual(callsOf(cluster), ["moveGroup n208 if 5", "startGroup n214", "stopGroup"]);
});

test("group move, start and stop with --dry-run only ask whether they would be refused", async () => {
  const cluster = new FakeCluster();
  const dry = async (line: string) => (await cli(`group ${line} --dry-run --wait`, { cluster })).out;
  assert.equal(await dry("move rg220"), "Would move rg220 to the owner that the policies choose\n");
  assert.equal(await dry("start rg220 --on n208"), "Would start rg220 on n208\n");
  assert.equal(await dry("stop rg220"), "Would stop rg220\n");
  assert.deepEqual(callsOf(cluster), ["moveGroup check", "startGroup n208 check", "stopGroup check"]);
  cluster.refuse("stopGroup check", "condition_failed");
  assert.equal((await cli("group stop rg220 --dry-run", { cluster })).code, 3);
});

test("group move --wait tells the states on the way, and ends well only when the group is where it was wanted", async () => {
  const cluster = new FakeCluster();
  cluster.groupStates = [state(RELEASING, "n202"), state(RELEASING, "n202"), state(ACQUIRING, "n208")];
  cluster.placed = state(ONLINE, "n208");
  const told = Promise.withResolvers<void>();
  cluster.placedAfter = told.promise;
  const onOutput = (text: string) => {
    if (text.includes("acquiring")) told.resolve();
  };
  const done = await cli("group move rg220 --to n208 --wait", { cluster, onOutput });
  assert.deepEqual([done.code, done.out], [0, "rg220 is online on n208\n"]);
  assert.equal(done.err, "rg220: releasing on n202\nrg220: acquiring on n208\n");
  assert.deepEqual(callsOf(cluster), ["moveGroup n208 wait"]);
  cluster.placed = state(ONLINE, "n214", { why: "n208 could not start it" });
  const elsewhere = await cli("group move rg220 --to n208 --wait", { cluster });
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.err, /error: rg220 is not online on n208\n$/);
  cluster.placed = groupInError;
  const failed = await cli("group move rg220 --to n208 --wait", { cluster });
  assert.equal(failed.code, 1);
  assert.match(failed.err, /error: rg220 is in error: postgres on n202: did not stop within 20000 ms\n$/);
});

test("group move --wait without --to is done on any owner but the one that it was on", async () => {
  const cluster = new FakeCluster();
  cluster.groupStates = [state(ONLINE, "n202")];
  cluster.placed = state(ONLINE, "n202");
  const stays = await cli("group move rg220 --wait --timeout 1s", { cluster });
  assert.equal(stays.code, 1);
  assert.match(stays.err, /error: rg220 is not online on another owner than n202\n$/);
  cluster.placed = state(ONLINE, "n208");
  assert.equal((await cli("group move rg220 --wait", { cluster })).code, 0);
});

test("--wait follows the group where the node could not wait any longer, as long as --timeout says", async () => {
  const cluster = new FakeCluster();
  cluster.groupStates = [state(ONLINE, "n202"), state(RELEASING, "n202"), state(OFFLINE, "")];
  cluster.placed = state(RELEASING, "n202");
  const done = await cli("group stop rg220 --wait --timeout 5m", { cluster, sleep: untilAborted });
  assert.deepEqual([done.code, done.out], [0, "rg220 is offline\n"]);
  assert.equal(cluster.watches.at(-1)?.startRevision, 71n);
  cluster.groupStates = [state(RELEASING, "n202")];
  const late = await cli("group stop rg220 --wait", { cluster });
  assert.deepEqual([late.code, late.out], [1, "rg220 is releasing on n202\n"]);
  assert.match(late.err, /error: rg220 is not offline\n$/);
});

test("Ctrl-C ends a wait, whether the node waits or the command follows the group itself", async () => {
  const cluster = new FakeCluster();
  cluster.groupStates = [state(ONLINE, "n202"), state(RELEASING, "n202"), state(ACQUIRING, "n208")];
  cluster.placed = state(RELEASING, "n202");
  const onOutput = (text: string, interrupt: () => void) => {
    if (text.includes("acquiring")) interrupt();
  };
  const setting = { cluster, onOutput, sleep: untilAborted };
  const followed = await cli("group move rg220 --to n208 --wait", setting);
  assert.deepEqual([followed.code, followed.out], [130, ""]);
  assert.match(followed.err, /rg220: not waited for any more; it goes on by itself\n$/);
  cluster.placedAfter = new Promise(() => {});
  const waited = await cli("group move rg220 --to n208 --wait", setting);
  assert.deepEqual([waited.code, waited.out], [130, ""]);
  assert.match(waited.err, /\ninterrupted: the change may have happened: read before you repeat it\n$/);
});

test("group freeze, unfreeze and clear-fault hand on what the operator says", async () => {
  const cluster = new FakeCluster();
  const frozen = await cli(["group", "freeze", "rg220", "--why", "new disk"], { cluster });
  assert.deepEqual([frozen.code, frozen.out], [0, "rg220 is frozen: new disk\n"]);
  const unfrozen = await cli("group unfreeze rg220", { cluster });
  assert.equal(unfrozen.out, "rg220 is online on n202\n");
  assert.equal((await cli("group clear-fault rg220 --forget-moves", { cluster })).code, 0);
  assert.deepEqual(callsOf(cluster), ["freezeGroup new disk", "unfreezeGroup", "clearGroupFault forget"]);
  const cleared = async () => (await cli("group clear-fault rg220", { cluster })).out;
  assert.equal(await cleared(), "Cleared the error of rg220; now online on n202\n");
  cluster.placed = state(OwnershipState.ERROR, "n202", { why: "postgres on n202: did not stop" });
  assert.equal(await cleared(), "Cleared the error of rg220\n");
  cluster.refuse("clearGroupFault", "condition_failed");
  assert.equal((await cli("group clear-fault rg220", { cluster })).code, 3);
});

test("group unfreeze --confirmed-only-on is done once the operator has typed the group's name, for the epoch that was shown", async () => {
  const cluster = new FakeCluster();
  const line = ["group", "unfreeze", "rg220", "--confirmed-only-on", "n208", "--why", "n202 is unplugged"];
  const done = await cli(line, { cluster, stdin: "rg220\n" });
  assert.deepEqual([done.code, done.out], [0, "rg220 is online on n202\n"]);
  assert.match(
    done.err,
    /^warning: the right of n202 under epoch \d+ ends: if anything of rg220 still runs there, it runs/,
  );
  const epoch = /epoch (\d+)/.exec(done.err)?.[1];
  assert.deepEqual(callsOf(cluster), ["getGroup", `unfreezeGroup n208 if ${epoch} n202 is unplugged`]);
  const scripted = await cli([...line, "--confirm", "rg220"], { cluster });
  assert.deepEqual([scripted.code, scripted.err.includes("Type")], [0, false]);
  const refused = await cli(line, { cluster, stdin: "rg222\n" });
  assert.deepEqual([refused.code, callsOf(cluster).at(-1)], [2, "getGroup"]);
});

test("who wants something of a group and why goes with it, the name from the environment", async () => {
  const cluster = new FakeCluster();
  const lines = ["move", "start", "stop", "freeze", "unfreeze", "clear-fault"];
  for (const line of lines) {
    const env = { USER: "root", ...(line === "stop" ? {} : { BAILIWICK_OPERATOR: "mona" }) };
    assert.equal((await cli(["group", line, "rg220", "--why", `to ${line}`], { cluster, env })).code, 0);
  }
  assert.deepEqual(
    cluster.told,
    lines.map((line) => [line === "stop" ? "root" : "mona", `to ${line}`]),
  );
  await cli("group stop rg220", { cluster, env: { LOGNAME: "x".repeat(200) } });
  await cli("group stop rg220", { cluster });
  assert.deepEqual(cluster.told.slice(-2), [
    ["x".repeat(100), ""],
    ["", ""],
  ]);
});

test("group explain shows every owner with its factors, what would move the group, and what was decided", async () => {
  const cluster = new FakeCluster();
  cluster.placed = { ...groupInError, intent: { online: true, frozen: true, frozenWhy: "new disk", pinnedTo: "n202" } };
  const { code, out } = await cli("group explain rg220 --decisions 20", { cluster });
  assert.equal(code, 0);
  assert.equal(
    out,
    `Group     rg220
owner     n202, epoch 5
state     error, frozen
because   n202 is the first owner that is up
error     postgres on n202: did not stop within 20000 ms
frozen    new disk
moved to  n202, by an operator

OWNER  RANK  FACTOR      WHY
n202   1     precedence  1 of 3 in the list
             capacity    cpu: 4 of 12 free
n208   -     verdict     down: silent for 2.1 s
n214   2     -           -

WHAT WOULD MOVE IT  TO                 AT
n202 fails          n214               -
n202 and n214 fail  nowhere: it stops  2030-03-17T17:46:40Z

DECISION  TIME                  EPOCH  FROM  TO    WHO       WHY
60        2030-03-17T17:46:40Z  5      n208  n202  policy    n208 is down
41        2030-03-17T17:46:40Z  -      -     n208  operator  Moved
`,
  );
  const json = (await cli("group explain rg220 -o json", { cluster })).json() as object;
  assert.deepEqual(Object.keys(json).sort(), ["explanation", "group", "header"]);
  assert.deepEqual(callsOf(cluster), ["explainGroup 20", "explainGroup 0"]);
  assert.equal((await cli("group explain rg220 --decisions 101", { cluster })).code, 2);
});

test("status says under the groups why one does not run or is frozen, unless an operator has stopped it", async () => {
  const cluster = new FakeCluster();
  cluster.statusGroups = [
    fakeGroup({ ownershipState: OwnershipState.SUSPENDED, why: "No owner is up" }),
    fakeGroup({ name: "rg222", ownershipState: OFFLINE, why: "minimum of resources: 1 of 2 owners is up" }),
    fakeGroup({ name: "rg224", ownershipState: OFFLINE, why: "Stopped", intent: { online: false } }),
    fakeGroup({ name: "rg226", why: "n202 is up", intent: { online: true, frozen: true, frozenWhy: "new disk" } }),
  ];
  const { out } = await cli("status", { cluster });
  const [, section = ""] = out.split("Groups:");
  assert.deepEqual(
    section.split("\n").filter((line) => / is /.test(line)),
    [
      "rg220 is suspended: No owner is up",
      "rg222 is offline: minimum of resources: 1 of 2 owners is up",
      "rg226 is frozen: new disk",
    ],
  );
});

test("status shows resources, what failed and what is under way, in this order", () => {
  const header = { clusterId: "0123456789abcdef0123456789abcdef", node: "n202" };
  const time = { seconds: 1_900_000_000n };
  const wire = create(GetStatusResponseSchema, {
    ...fakeStatus(header),
    groups: [groupInError, { ...groupWithResources, name: "rg222", intent: { online: false, frozen: true } }],
    failures: [
      { time, group: "rg220", node: "n202", resource: "postgres", what: "did not stop within 20000 ms" },
      { time, group: "rg222", node: "n210", resource: "data", what: "no such device" },
      { time, node: "n208", what: "Silent on every path" },
    ],
    pending: [{ kind: 1, group: "rg222", node: "n202", since: time, what: "Stops on n202" }],
  });
  const output = new Output({
    format: "table",
    isTty: false,
    isColoured: false,
    out: () => {},
    err: () => {},
    toYaml: String,
  });
  const status = toPlain(GetStatusResponseSchema, wire) as unknown as StatusAnswer;
  const screen = statusScreen(output, status, { events: [], isMore: false });
  const sections = screen.split("\n\n");
  assert.deepEqual(
    sections.map((section) => section.split(/[: \n]/)[0]),
    ["Cluster", "Nodes", "Groups", "Resources", "Failures", "Under", "Did"],
  );
  assert.match(sections[2] ?? "", /^rg222 {2}n202 {3}online, frozen, to stop /m);
  assert.doesNotMatch(screen, /advisory/);
  assert.equal(
    sections[3],
    `Resources: 2 of 4 online
GROUP  RESOURCE  NODE  STATE   SINCE                 WHY
rg220  data      n202  online  2030-03-17T17:46:40Z  -
rg220  postgres  n202  failed  2030-03-17T17:46:40Z  port in use
rg222  data      n202  online  2030-03-17T17:46:40Z  -
rg222  postgres  n202  failed  2030-03-17T17:46:40Z  port in use`,
  );
  assert.equal(
    sections[4],
    `Failures
TIME                  NODE  GROUP  RESOURCE  WHAT
2030-03-17T17:46:40Z  n202  rg220  postgres  did not stop within 20000 ms; see group clear-fault
2030-03-17T17:46:40Z  n202  rg220  postgres  port in use, exit status 1, restarts: 2
2030-03-17T17:46:40Z  n202  rg222  postgres  port in use, exit status 1, restarts: 2
2030-03-17T17:46:40Z  n210  rg222  data      no such device
2030-03-17T17:46:40Z  n208  -      -         Silent on every path`,
  );
  assert.equal(
    sections[5],
    `Under way
KIND  GROUP  NODE  SINCE                 DONE  WHAT
move  rg222  n202  2030-03-17T17:46:40Z  -     Stops on n202`,
  );
});
