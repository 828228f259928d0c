// status, group and node commands: screens for people, shapes for programs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { FakeCluster } from "../client/fake-cluster.ts";
import { cli } from "./harness.ts";

/** Names of the fields of a value and of all that it holds, sorted: the contract of JSON output. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  const sorted = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, part]) => [name, shapeOf(part)]));
}

const text = "string";
const number = "number";
const flag = "boolean";
const header = { clusterId: text, group: text, incarnation: number, node: text, revision: number, stale: flag };
const quorum = {
  degraded: flag,
  hasQuorum: flag,
  hindrance: text,
  minimumMet: flag,
  minimumMissing: [],
  missing: [text],
  needed: number,
  total: number,
  up: number,
  witness: text,
};
const group = {
  adapters: [],
  appliedIndex: number,
  compactedRevision: number,
  configurationIndex: number,
  currentOwner: text,
  decisions: [],
  disks: [],
  epoch: number,
  eventProcessing: [],
  incarnation: number,
  interlocked: [],
  joiningOwners: [],
  lockedBy: text,
  manager: text,
  name: text,
  networks: [],
  owners: [text],
  ownershipAdvisory: flag,
  ownershipState: text,
  quorum,
  replicas: [],
  resources: [],
  revision: number,
  stateHash: text,
  usedBytes: number,
  verdicts: [],
  why: text,
};
const verdict = { group: text, incarnation: number, index: number, node: text, status: text, why: text };
const node = {
  adapters: [],
  agentAttached: flag,
  apiAddress: text,
  bootNumber: number,
  clusterIndex: number,
  clusterVoter: flag,
  diskFreeBytes: number,
  featureLevelMax: number,
  groups: [text],
  identity: text,
  intent: text,
  intentWhy: text,
  labels: {},
  leads: [],
  manages: [],
  name: text,
  peerAddresses: [],
  quarantineReason: text,
  quarantined: flag,
  recoveryStatus: text,
  since: text,
  softwareVersion: text,
  verdicts: [verdict],
  witnessOf: [],
  writesRefusedWhy: text,
};

test("status shows the cluster on one screen", async () => {
  const { code, out } = await cli("status");
  assert.equal(code, 0);
  assert.equal(
    out,
    `Cluster      reference (01234567)
answered by  127.0.0.1:7401
coordinator  n204
voters       n202 n204 n206, quorum 3/3
events       2, up to index 7

Nodes: 1 of 2 up
NODE  STATUS  GROUPS       OWNER OF  SINCE                 WHY
n202  up      rg220        -         2030-03-17T17:46:40Z  -
n208  down    rg220 rg226  -         2030-03-17T17:46:40Z  rg220: Silent for 2.1 s

Groups: 1 of 2 with a quorum
GROUP  OWNER  STATE      MANAGER  QUORUM        REVISION  MISSING    OWNERS
rg220  n202   online     n202     2/3           12        n208       n202 n208 n214
rg226  -      suspended  -        1/3, needs 2  12        n208 n212  n208 n210 n212
ownership advisory: for a moment two nodes may believe that they own a group

Events: newest first
INDEX  TIME                  EVENT            OF    WHY
7      2030-03-17T17:46:40Z  node_failed      n208  Silent on every path
4      2030-03-17T17:46:40Z  cluster_created  -     Silent on every path

Did not answer: nodes: n208; groups: rg226
`,
  );
});

test("status has colours on a terminal, unless they are refused", async () => {
  const down = "\u001b[31mdown\u001b[39m";
  assert.ok((await cli("status", { isTty: true })).out.includes(down));
  assert.ok(!(await cli("status --no-color", { isTty: true })).out.includes("\u001b"));
  assert.ok(!(await cli("status", { isTty: true, env: { NO_COLOR: "1" } })).out.includes("\u001b"));
  assert.ok(!(await cli("status")).out.includes("\u001b"));
});

test("status -o json keeps its shape", async () => {
  const status = (await cli("status -o json")).json() as Record<string, unknown>;
  assert.deepEqual(Object.keys(status).sort(), [
    ...["cluster", "events", "failures", "groups", "header", "nodes", "pending", "unreachable", "unreachableGroups"],
  ]);
  assert.deepEqual(shapeOf(status["header"]), header);
  assert.deepEqual(shapeOf(status["groups"]), [group]);
  assert.deepEqual(shapeOf(status["nodes"]), [node]);
  assert.deepEqual(shapeOf(status["events"]), [
    {
      group: text,
      index: number,
      network: text,
      node: text,
      ordinal: number,
      reconfiguration: text,
      time: text,
      type: text,
      who: text,
      why: text,
    },
  ]);
  assert.deepEqual(shapeOf(status["cluster"]), {
    configurationRevision: number,
    featureLevel: number,
    groups: [],
    id: text,
    index: number,
    leader: text,
    name: text,
    newestIndex: number,
    quorum: { ...quorum, missing: [] },
    reconfiguration: text,
    voters: [text],
  });
});

test("status is shown also when the events cannot be read", async () => {
  const cluster = new FakeCluster();
  cluster.refuse("listClusterEvents", "unimplemented", { times: 2 });
  const { code, out } = await cli("status", { cluster });
  assert.equal(code, 0);
  assert.match(out, /Events: unknown: Refused as unimplemented/);
  assert.equal(((await cli("status -o json", { cluster })).json() as { events: unknown }).events, null);
});

test("status --watch appends to a pipe, and overwrites a terminal, until Ctrl-C", async () => {
  const afterTwo = () => {
    let shown = 0;
    return (written: string, interrupt: () => void) => {
      if (written.includes("Nodes") || written.startsWith("{")) shown += 1;
      if (shown === 2) interrupt();
    };
  };
  const piped = await cli("status --watch", { onOutput: afterTwo() });
  assert.equal(piped.code, 130);
  assert.equal(piped.out.match(/^Nodes/gm)?.length, 2);
  assert.ok(!piped.out.includes("\u001b"));
  const shown = await cli("status --watch --no-color", { isTty: true, onOutput: afterTwo() });
  assert.ok(shown.out.startsWith("\u001b[2J\u001b[HCluster"));
  assert.equal(shown.out.split("\u001b[H").length, 3);
  const json = await cli("status --watch -o json", { onOutput: afterTwo() });
  assert.equal(
    json.out
      .trimEnd()
      .split("\n")
      .map((line): unknown => JSON.parse(line)).length,
    2,
  );
});

test("status --watch goes on while nothing answers", async () => {
  const cluster = new FakeCluster();
  cluster.kill("127.0.0.1:7401");
  let refused = 0;
  const onOutput = (written: string, interrupt: () => void) => {
    if (written.includes("(unreachable)") && ++refused === 2) cluster.start("127.0.0.1:7401");
    if (written.includes("Nodes")) interrupt();
  };
  const { code, err } = await cli("status --watch --timeout 100ms", { cluster, onOutput });
  assert.equal(code, 130);
  assert.match(err, /^2030-03-17T17:46:40.000Z No connection to 127\.0\.0\.1:7401/);
});

test("group list prints the groups, and names those that did not answer", async () => {
  const { out, err } = await cli("group list");
  assert.equal(
    out,
    "rg220\tn202\tonline\tn202\t2/3\t12\tn208\tn202 n208 n214\nrg226\tn202\tonline\tn202\t2/3\t12\tn208\tn208 n210 n212\n",
  );
  assert.equal(err, "did not answer: rg224\n");
  assert.equal((await cli("group list --owner n214")).out.split("\n").length, 2);
  assert.deepEqual(shapeOf((await cli("group list -o json")).json()), { groups: [group], header, unreachable: [text] });
});

test("group get shows a group", async () => {
  const { out } = await cli("group get rg220");
  assert.match(out, /^Group +rg220\n/);
  assert.match(out, /^current owner +n202 \(advisory\)$/m);
  assert.match(out, /^quorum +2\/3$/m);
  assert.deepEqual(shapeOf((await cli("group get rg220 -o json")).json()), { group, header, unreachable: [] });
  assert.equal((await cli("group get rg999")).code, 3);
});

test("group create takes owners and a configuration file", async () => {
  const cluster = new FakeCluster();
  const files = {
    "g.yaml": "lostQuorum: read_only\n",
    "bad.yaml": "a: 1\nb: [1,\n",
    "odd.yaml": "lostQuorum: maybe\n",
  };
  const made = await cli("group create new --owners n202,n208 --config g.yaml", { cluster, files });
  assert.deepEqual([made.code, made.out], [0, "Created new with owners n202 n208\n"]);
  assert.equal(made.err, "warning: Two owners without a witness\n");
  const checked = await cli("group create new --owners n202,n208 --config g.yaml --dry-run -o json", {
    cluster,
    files,
  });
  const answer = checked.json() as { group: { config: { lostQuorum: string } }; warnings: unknown };
  assert.equal(answer.group.config.lostQuorum, "read_only");
  assert.deepEqual(answer.warnings, ["Two owners without a witness"]);
  assert.deepEqual(cluster.calls, ["127.0.0.1:7401 createGroup make", "127.0.0.1:7401 createGroup check"]);
  const malformed = await cli("group create new --owners n202,n208 --config bad.yaml", { cluster, files });
  assert.equal(malformed.code, 2);
  assert.match(malformed.err, /^error: bad\.yaml:3:1: /);
  const odd = await cli("group create new --owners n202,n208 --config odd.yaml", { cluster, files });
  assert.equal(odd.code, 2);
  assert.match(odd.err, /^error: odd\.yaml: .* lostQuorum is "maybe", it must be one of stop, freeze, read_only$/m);
  assert.equal((await cli("group create new", { cluster })).code, 2);
  assert.equal(cluster.calls.length, 2);
});

test("group create refuses a configuration file that is empty or holds the key config", async () => {
  const cluster = new FakeCluster();
  const files = { "empty.yaml": "", "list.yaml": "- a\n", "nested.yaml": "config: {lostQuorum: stop}\n" };
  const expected = [
    ["empty.yaml", /^error: empty\.yaml: The file must be a map/],
    ["list.yaml", /^error: list\.yaml: The file must be a map/],
    ["nested.yaml", /^error: nested\.yaml: .*without `config:` itself/],
  ] as const;
  for (const [file, message] of expected) {
    const refused = await cli(`group create new --owners n202,n208 --config ${file}`, { cluster, files });
    assert.equal(refused.code, 2);
    assert.match(refused.err, message);
  }
  assert.deepEqual(cluster.calls, []);
});

test("group set-owners takes the list in one word or in many", async () => {
  const cluster = new FakeCluster();
  const changed = await cli("group set-owners rg220 n208 n214", { cluster });
  assert.deepEqual([changed.code, changed.out], [0, "The owners of rg220 are n208 n214\n"]);
  const checked = await cli("group set-owners rg220 n208,n214 --dry-run --if-index 41", { cluster });
  assert.deepEqual([checked.code, checked.out], [0, "Would set the owners of rg220 to n208 n214\n"]);
  const json = await cli("group set-owners rg220 n208,n214 -o json", { cluster });
  assert.deepEqual(shapeOf(json.json()), { group, header, warnings: [] });
  const calls = ["setGroupOwners make", "setGroupOwners check if 41", "setGroupOwners make"];
  assert.deepEqual(
    cluster.calls,
    calls.map((call) => `127.0.0.1:7401 ${call}`),
  );
  assert.match((await cli("group set-owners rg220 n208,,n214")).err, /The owners "n208,,n214" are not node/);
  assert.match((await cli("group set-owners rg220 n208 --if-index x")).err, /--if-index is "x", not an integer from 0/);
  assert.equal((await cli("group set-owners rg220")).code, 2);
});

test("node drain says where applications go, who has still to follow, and what is left", async () => {
  const cluster = new FakeCluster();
  const done = await cli(["node", "drain", "n202", "--why", "new disk"], { cluster });
  assert.deepEqual([done.code, done.err], [0, ""]);
  const moves = "GROUP  FROM  TO    WHY\nrg220  n202  n202  n202 is up\nrg226  n202  -     nobody is up\n";
  assert.equal(done.out, `n202 is up\n\n${moves}`);
  const left = await cli("node drain n202 --wait --skip-unavailable", { cluster });
  assert.equal(left.code, 1);
  const warnings = [
    "warning: no quorum yet, will follow: rg224",
    "warning: the cluster database has no quorum to record it",
    "still on n202: the applications of rg226",
  ];
  assert.deepEqual(left.err.trim().split("\n"), warnings);
  const checked = await cli("node drain n202 --dry-run", { cluster });
  assert.match(checked.out, /^n202 would be drained\n/);
  const json = await cli("node drain n202 -o json", { cluster });
  const move = { from: text, group: text, to: text, why: text };
  assert.deepEqual(shapeOf(json.json()), { header, moves: [move], node, unreachable: [] });
  const calls = ["make new disk", "skip wait make", "check", "make"];
  assert.deepEqual(
    cluster.calls,
    calls.map((call) => `127.0.0.1:7401 drainNode ${call}`),
  );
});

test("node undrain takes a node back", async () => {
  const cluster = new FakeCluster();
  const done = await cli("node undrain n202 --skip-unavailable", { cluster });
  assert.deepEqual([done.code, done.out], [0, "n202 is up\n"]);
  assert.equal(done.err, "warning: no quorum yet, will follow: rg224\n");
  const json = await cli("node undrain n202 -o json", { cluster });
  assert.deepEqual(shapeOf(json.json()), { header, node, unreachable: [] });
});

test("group recover is done once the operator has typed the group's name", async () => {
  const cluster = new FakeCluster();
  const line = ["group", "recover", "rg220", "--from", "n214", "--accept-data-loss", "--why", "rack 7 burnt"];
  const done = await cli(line, { cluster, stdin: "rg220\n" });
  assert.deepEqual([done.code, done.out], [0, "rg220 goes on from n214 as incarnation 2, owners n214\n"]);
  assert.equal(done.err, "warning: n202 does not answer\nType the name of the group to go on: ");
  const made = "127.0.0.1:7401 recoverGroup make accepted rg220 rack 7 burnt";
  assert.deepEqual(cluster.calls, ["127.0.0.1:7401 recoverGroup check", made]);
  const scripted = await cli([...line, "--owners", "n214,n216", "--confirm", "rg220", "-o", "json"], { cluster });
  assert.deepEqual(shapeOf(scripted.json()), { group, header, losses: [text] });
  assert.doesNotMatch(scripted.err, /Type/);
  for (const setting of [{ stdin: "rg222\n" }, { stdin: "" }]) {
    const refused = await cli(line, { cluster, ...setting });
    assert.equal(refused.code, 2);
    assert.match(refused.err, /error: Nothing was done: ".*" is not the name of the group, rg220/);
  }
  assert.equal((await cli([...line, "--confirm", "rg222"], { cluster })).code, 2);
  assert.equal(cluster.calls.filter((call) => call.includes("make")).length, 2);
  const dry = await cli("group recover rg220 --from n214 --dry-run", { cluster });
  assert.deepEqual([dry.code, dry.out], [0, "Would go on from n214 with owners n214\n"]);
  assert.match((await cli("group recover rg220 --from n214")).err, /Give --accept-data-loss/);
  assert.match((await cli("group recover rg220 --accept-data-loss")).err, /Give --from/);
});

test("cluster recover is done once the operator has typed the name of the node", async () => {
  const cluster = new FakeCluster();
  const line = ["cluster", "recover", "--from", "n206", "--accept-data-loss", "--why", "racks burnt"];
  const done = await cli(line, { cluster, stdin: "n206\n" });
  assert.deepEqual([done.code, done.out], [0, "The cluster database goes on from n206, voters n206\n"]);
  assert.equal(done.err, "warning: n202 does not answer\nType the name of the node to go on: ");
  const made = "127.0.0.1:7401 recoverCluster make accepted n206 racks burnt";
  assert.deepEqual(cluster.calls, ["127.0.0.1:7401 recoverCluster check", made]);
  const refused = await cli(line, { cluster, stdin: "n202\n" });
  assert.equal(refused.code, 2);
  assert.match(refused.err, /error: Nothing was done: "n202" is not the name of the node, n206/);
  assert.equal((await cli([...line, "--confirm", "n204"], { cluster })).code, 2);
  assert.equal(cluster.calls.filter((call) => call.includes("make")).length, 1);
  const dry = await cli("cluster recover --from n206 --voters n206,n208,n210 --dry-run", { cluster });
  assert.deepEqual([dry.code, dry.out], [0, "Would go on from n206 with voters n206 n208 n210\n"]);
  assert.match((await cli("cluster recover --from n206")).err, /Give --accept-data-loss/);
  assert.match((await cli("cluster recover --accept-data-loss")).err, /Give --from/);
});

test("node list, get and sphere show nodes", async () => {
  const { out } = await cli("node list");
  assert.match(out, /^n208\tdown\trg220 rg226\t-\t2030-03-17T17:46:40Z\trg220: Silent for 2.1 s$/m);
  assert.deepEqual(shapeOf((await cli("node list -o json")).json()), { header, nodes: [node], unreachable: [] });
  assert.match((await cli("node get n208")).out, /^Node +n208\nstatus +down\n/);
  assert.deepEqual(shapeOf((await cli("node get n208 -o json")).json()), { header, node, unreachable: [] });
  const sphere = await cli("node sphere n202");
  assert.match(sphere.out, /^Sphere of n202\nMEMBER +STATUS +WHY\nn202 +up +-\nn208 +down +.*\nn214 +unknown +-\n/);
  assert.match(sphere.out, /^rg226 +n208 +- +n208 n210$/m);
  const summary = { ageMs: number, currentOwner: text, epoch: number, group: text, incarnation: number, index: number };
  assert.deepEqual(shapeOf((await cli("node sphere n202 -o json")).json()), {
    groups: [{ group: text, owners: [text] }],
    header,
    interlocked: [{ ...summary, owners: [text], ownershipState: text, sharedNodes: [text] }],
    members: [text],
    node: text,
    statuses: [node],
    unreachable: [],
  });
});

test("-o yaml prints what -o json prints", async () => {
  for (const command of ["status", "group list", "node get n208"]) {
    assert.deepEqual(parse((await cli(`${command} -o yaml`)).out), (await cli(`${command} -o json`)).json(), command);
  }
});
