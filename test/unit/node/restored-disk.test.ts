// A whole disk that is put back to an image, its count of starts included: nothing on it says so, but its peers remember.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toBootNumber, toNodeId } from "../../../proto/ids.ts";
import { founderId } from "../../../proto/membership.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import { limits } from "../../../server/node/limits.ts";
import { Cluster, type Disk, get, list, n1, n2, n3, n4, peerInput, put, rg, textIn, watchAll } from "./cluster.ts";

const [n5, n6, n7] = ["n5", "n6", "n7"].map(toNodeId) as [NodeId, NodeId, NodeId];
const promises: readonly string[] = ["voteReply", "preVoteReply", "appendReply", "beatReply"];

function write(cluster: Cluster, prefix: string, count = 5): void {
  for (let at = 0; at < count; at++) cluster.ask(n4, put(`${prefix}${at}`, prefix), "put", 8000);
}

function imageOf(cluster: Cluster, node: NodeId): Disk {
  return (cluster.disks.get(node) as Disk).image();
}

function quarantineOf(cluster: Cluster, node: NodeId): string | null {
  return cluster.ask(node, { type: "nodeSelf", node }, "nodeSelf").self.quarantine;
}

/** Why the node was quarantined last, as it said when it was: by now it may be back. */
function quarantinedFor(cluster: Cluster, node: NodeId): string {
  return cluster.member(node).reasons.at(-1) ?? "";
}

/** Of the member that the node was before its disk was put back. */
function promisesIn(from: NodeId, message: PeerMessage, node: NodeId): readonly string[] {
  if (from !== node) return [];
  const raft = message.type === "raft" ? [{ ...message, reply: message.message }] : [];
  const echoed = message.type === "beatEcho" ? message.groups : [];
  const asBefore = [...raft, ...echoed].filter(({ fromMember }) => fromMember === founderId);
  return asBefore.map(({ reply }) => reply.type).filter((type) => promises.includes(type));
}

/** n3 runs on: `restart` times more, then it is stopped and its disk put back to what it was after the first writes. */
function restored(restarts: number, isTakenRunning = false): Cluster {
  const cluster = new Cluster();
  cluster.leader();
  write(cluster, "before");
  cluster.advance(1000);
  const running = imageOf(cluster, n3);
  if (!isTakenRunning) cluster.stop(n3);
  const image = isTakenRunning ? running : imageOf(cluster, n3);
  for (let at = 0; at < restarts; at++) {
    cluster.start(n3);
    cluster.advance(3000);
    write(cluster, `start${at}`);
    cluster.stop(n3);
  }
  if (isTakenRunning) {
    write(cluster, "later");
    cluster.advance(limits.lapIntervalMs + 1000);
    write(cluster, "last");
    cluster.advance(1000);
    cluster.stop(n3);
  }
  cluster.disks.set(n3, image);
  return cluster;
}

const images = [
  ["of an earlier start", () => restored(2), /n\d has seen start 3 of this node/],
  [
    "whose next start has the number of the one that is missing",
    () => restored(1),
    /n\d has seen start 2 of this node/,
  ],
  ["that was taken while it ran", () => restored(0, true), /n\d has seen start 1 of this node/],
] as const;

for (const [what, prepare, reason] of images) {
  test(`an owner on an image ${what} is quarantined before it promises anything, and its group loses nothing`, () => {
    const cluster = prepare();
    const count = cluster.ask(n4, list(), "list", 8000).count;
    cluster.sent = [];
    cluster.start(n3);
    cluster.advance(3000);
    assert.match(quarantinedFor(cluster, n3), reason);
    const promised = cluster.sent.flatMap(({ from, message }) => promisesIn(from, message, n3));
    assert.deepEqual(promised, []);
    assert.equal(cluster.ask(n4, list(), "list", 8000).count, count);
    write(cluster, "after");
    assert.equal(textIn(cluster.ask(n3, get("after0"), "get")), "after");
    // And then it is rebuilt from its peers, as another member, and is as good as any.
    cluster.until(() => quarantineOf(cluster, n3) === null, 10_000);
    const { status } = cluster.ask(n1, { type: "groupStatus", group: rg }, "groupStatus");
    assert.equal(status.membership.voters.find(({ node }) => node === n3)?.member, 2);
    cluster.until(() => cluster.ask(n1, { type: "nodeStatus", node: n3 }, "nodeStatus").status.status === "up", 5000);
    const [one] = [n1, n2].filter((node) => node !== cluster.leader());
    cluster.stop(one as NodeId);
    write(cluster, "with the rebuilt one");
  });
}

test("an image that was started more often than its node, out of reach of all others, is found out when they are back", () => {
  const cluster = restored(1);
  for (const node of [n1, n2, n4]) cluster.stop(node);
  for (let starts = 0; starts < 4; starts++) {
    cluster.start(n3);
    cluster.advance(3000);
    assert.equal(quarantineOf(cluster, n3), null);
    cluster.stop(n3);
  }
  cluster.start(n3);
  for (const node of [n1, n2, n4]) cluster.start(node);
  cluster.advance(5000);
  assert.match(quarantinedFor(cluster, n3), /start 2 of this node/);
  assert.equal(cluster.ask(n4, list(), "list", 8000).count, 10);
});

test("it promises nothing to a member that remembers nothing either, while another is still to answer", () => {
  const cluster = new Cluster();
  cluster.leader();
  write(cluster, "before");
  cluster.stop(n3);
  const image = imageOf(cluster, n3);
  cluster.stop(n1);
  cluster.start(n3);
  write(cluster, "missed");
  cluster.stop(n3);
  cluster.disks.set(n3, image);
  cluster.start(n1);
  write(cluster, "later");
  cluster.sent = [];
  let hellos = 0;
  cluster.copies = (from, to, message) => {
    if (from !== n3 || to !== n2 || message.type !== "hello") return 1;
    hellos += 1;
    return hellos === 1 ? 0 : 1;
  };
  cluster.start(n3);
  cluster.until(() => quarantineOf(cluster, n3) !== null, limits.helloGraceMs);
  assert.ok(hellos > 1);
  assert.deepEqual(
    cluster.sent.flatMap(({ from, message }) => promisesIn(from, message, n3)),
    [],
  );
});

test("peers remember over their own starts", () => {
  const cluster = restored(2);
  for (const node of [n1, n2]) cluster.stop(node);
  for (const node of [n1, n2, n3]) cluster.start(node);
  cluster.sent = [];
  cluster.advance(5000);
  assert.match(quarantinedFor(cluster, n3), /start 3 of this node/);
  assert.deepEqual(
    cluster.sent.flatMap(({ from, message }) => promisesIn(from, message, n3)),
    [],
  );
  assert.equal(cluster.ask(n4, list(), "list", 8000).count, 15);
});

test("starts and stops of healthy nodes are no ground for a quarantine, also when introductions are lost and repeated", () => {
  const cluster = new Cluster();
  const greetings = ["hello", "helloAccepted", "helloRefused", "lap"];
  let seen = 0;
  cluster.copies = (_from, _to, message) => {
    if (!greetings.includes(message.type)) return 1;
    seen += 1;
    return seen % 3;
  };
  for (let round = 0; round < 4; round++) {
    for (const node of [n1, n2, n3]) {
      cluster.stop(node);
      write(cluster, `${round}${node}`, 1);
      cluster.start(node);
      cluster.advance(round % 2 === 0 ? 4000 : 400);
    }
  }
  cluster.advance(20_000);
  for (const node of [n1, n2, n3]) assert.equal(quarantineOf(cluster, node), null);
  assert.equal(cluster.ask(n4, list(), "list", 8000).count, 12);
});

test("a node whose peers are all gone but one serves with it after the grace", () => {
  const cluster = new Cluster();
  cluster.leader();
  write(cluster, "k");
  for (const node of [n1, n2, n3]) cluster.stop(node);
  cluster.start(n1);
  cluster.start(n3);
  const call = cluster.member(n4).call(put("alone", "v"), 8000);
  cluster.until(() => cluster.member(n4).replies.has(call), limits.helloGraceMs + 2 * limits.electionTimeoutMs + 500);
  assert.equal(cluster.member(n4).replies.get(call)?.type, "put");
});

test("before a member is known nothing that it says reaches the group, and then what it said does", () => {
  const cluster = new Cluster();
  const leader = cluster.leader();
  const follower = [n1, n2, n3].find((node) => node !== leader) as NodeId;
  cluster.stop(follower);
  let isMute = true;
  cluster.copies = (from, _to, message) => (isMute && from === follower && message.type === "hello" ? 0 : 1);
  cluster.start(follower);
  cluster.advance(3000);
  const status = () => {
    const found = cluster.member(leader).machine.group(rg)?.replica.status;
    assert.ok(found?.role === "leader");
    return found;
  };
  const matched = () => status().peers.find(({ peer }) => peer === follower)?.matched ?? 0;
  const before = matched();
  write(cluster, "k");
  cluster.advance(1000);
  assert.equal(matched(), before);
  isMute = false;
  const { last } = status();
  cluster.until(() => matched() >= last, 3000);
});

test("a leader that is told of its quarantine ends what it was doing: writes unknown, watches cancelled, the rest elsewhere", () => {
  const cluster = new Cluster();
  const leader = cluster.leader();
  const member = cluster.member(leader);
  const watch = member.watch(watchAll());
  cluster.advance(100);
  cluster.copies = (from, _to, message) => (from === leader && ["raft", "beat"].includes(message.type) ? 0 : 1);
  const written = member.call(put("k", "v"));
  const read = member.call(get("k"));
  cluster.settle();
  const [other] = [n1, n2, n3].filter((node) => node !== leader) as [NodeId];
  const remembered = { boot: toBootNumber(7), nonce: "00000000000000ff", lap: 0 };
  member.host.deliver(peerInput(other, { type: "helloRefused", remembered }));
  cluster.until(() => member.replies.has(read), 5000);
  const answer = member.replies.get(written);
  assert.equal(answer?.type === "failed" ? answer.failure.code : answer?.type, "outcome_unknown");
  assert.equal(member.replies.get(read)?.type, "get");
  const last = member.watched.get(watch)?.at(-1);
  assert.equal(last?.type === "canceled" ? last.failure.code : last?.type, "no_leader");
  assert.match(quarantinedFor(cluster, leader), /start 7/);
});

test("an introduction that is overtaken by a lap of its start, and one of a start long gone, harm nobody", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.stop(n3);
  cluster.start(n3);
  cluster.settle();
  const hellos = cluster.sent.filter(({ from, to, message }) => from === n3 && to === n1 && message.type === "hello");
  const [early, late] = [hellos.at(0), hellos.at(-1)];
  assert.ok(early !== undefined && late !== undefined);
  write(cluster, "k");
  cluster.advance(limits.lapIntervalMs + 1000);
  assert.ok(cluster.sent.some(({ from, to, message }) => from === n3 && to === n1 && message.type === "lap"));
  for (const [{ message }, boot] of [
    [late, 2],
    [early, 1],
  ] as const) {
    cluster.member(n1).host.deliver(peerInput(n3, message, { boot: toBootNumber(boot) }));
    cluster.settle();
  }
  cluster.stop(n2);
  write(cluster, "more");
  assert.equal(quarantineOf(cluster, n3), null);
  const { counters } = cluster.ask(n1, { type: "nodeSelf", node: n1 }, "nodeSelf").self;
  assert.ok(!counters.some(([name]) => name.includes("old image")), JSON.stringify(counters));
});

test("a refusal that the node's own starts contradict is none", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.stop(n3);
  const member = cluster.start(n3);
  const nonce = (start: number) => start.toString(16).padStart(16, "0");
  member.host.deliver(
    peerInput(n1, { type: "helloRefused", remembered: { boot: toBootNumber(1), nonce: nonce(3), lap: 0 } }),
  );
  cluster.advance(3000);
  assert.equal(quarantineOf(cluster, n3), null);
});

test("an owner that was rebuilt is no old image to a member that was away meanwhile, also after a start of either", () => {
  const nodes = [n1, n2, n3, n4, n5];
  const cluster = new Cluster({ nodes, groups: { rg: nodes }, voters: [n1, n2, n4] });
  cluster.leader();
  write(cluster, "before");
  cluster.advance(1000);
  cluster.stop(n5);
  cluster.stop(n3);
  cluster.wipe(n3);
  cluster.start(n3, "its data was wiped");
  cluster.until(() => quarantineOf(cluster, n3) === null, 10_000);
  cluster.stop(n3);
  cluster.start(n3);
  cluster.start(n5);
  cluster.advance(5000);
  assert.deepEqual(cluster.member(n3).reasons, []);
  cluster.stop(n5);
  cluster.start(n5);
  cluster.advance(3000);
  assert.deepEqual(cluster.member(n3).reasons, []);
  // And an image from since then is one.
  cluster.stop(n3);
  const image = imageOf(cluster, n3);
  for (let starts = 0; starts < 2; starts++) {
    cluster.start(n3);
    cluster.advance(3000);
    cluster.stop(n3);
  }
  cluster.disks.set(n3, image);
  cluster.start(n3);
  cluster.advance(3000);
  assert.match(quarantinedFor(cluster, n3), /has seen start 5 of this node/);
});

test("an owner on an image from before it was rebuilt does not come back as the member that it has been since", () => {
  const cluster = new Cluster();
  cluster.leader();
  write(cluster, "before");
  cluster.stop(n3);
  const image = imageOf(cluster, n3);
  cluster.wipe(n3);
  cluster.start(n3, "its data was wiped");
  cluster.until(() => quarantineOf(cluster, n3) === null, 10_000);
  write(cluster, "as the second");
  cluster.stop(n3);
  cluster.disks.set(n3, image);
  // Whoever leads now has not heard the second one in its term, and invites it.
  for (const node of [n1, n2]) cluster.stop(node);
  for (const node of [n1, n2]) cluster.start(node);
  cluster.leader();
  cluster.sent = [];
  cluster.start(n3);
  cluster.until(() => quarantinedFor(cluster, n3) !== "" && quarantineOf(cluster, n3) === null, 20_000);
  const said = cluster.sent.flatMap(({ from, message }) => (from === n3 && message.type === "raft" ? [message] : []));
  assert.deepEqual(
    said.filter(({ fromMember }) => fromMember <= 2),
    [],
  );
  const { status } = cluster.ask(n1, { type: "groupStatus", group: rg }, "groupStatus");
  assert.equal(status.membership.voters.find(({ node }) => node === n3)?.member, 3);
  assert.equal(cluster.ask(n4, list(), "list", 8000).count, 10);
});

/** n3, put back to an image of its first start and rebuilt, while n5 knows of start 5, and n4 of start 4 of the line that has ended. */
function rebuilt(): Cluster {
  const nodes = [n1, n2, n3, n4, n5, n6, n7];
  const cluster = new Cluster({ nodes, groups: { rg: nodes }, voters: [n1, n2, n7] });
  cluster.leader();
  cluster.stop(n3);
  const image = imageOf(cluster, n3);
  for (const away of [null, null, n4, n5]) {
    cluster.start(n3);
    cluster.advance(3000);
    cluster.stop(n3);
    if (away !== null) cluster.stop(away);
  }
  cluster.disks.set(n3, image);
  cluster.start(n3);
  cluster.until(() => quarantinedFor(cluster, n3) !== "" && quarantineOf(cluster, n3) === null, 20_000);
  assert.match(quarantinedFor(cluster, n3), /has seen start 5 of this node/);
  return cluster;
}

for (const starts of [0, 1]) {
  const when = starts === 0 ? "in the same start" : "in its next start";
  test(`an image that was rebuilt is as good as any to those that were away meanwhile, ${when}`, () => {
    const cluster = rebuilt();
    cluster.ask(n7, put("k", "rebuilt"), "put", 8000);
    if (starts > 0) cluster.stop(n3);
    if (starts > 0) cluster.start(n3);
    const { length } = cluster.member(n3).reasons;
    // Without it the others are no quorum.
    for (const node of [n1, n2, n6]) cluster.stop(node);
    for (const node of [n4, n5]) cluster.start(node);
    cluster.advance(10_000);
    assert.equal(cluster.member(n3).reasons.length, length);
    assert.equal(textIn(cluster.ask(n7, get("k"), "get", 10_000)), "rebuilt");
  });
}

test("an image of a node that was rebuilt before is found out like any other, also by its laps", () => {
  for (const isOfLater of [false, true]) {
    const cluster = rebuilt();
    const image = imageOf(cluster, n3);
    cluster.ask(n7, put("k", "missing"), "put", 8000);
    cluster.advance(limits.lapIntervalMs + 1000);
    cluster.stop(n3);
    if (isOfLater) {
      cluster.start(n3);
      cluster.advance(3000);
      cluster.stop(n3);
    }
    cluster.disks.set(n3, image);
    cluster.start(n3);
    cluster.advance(3000);
    assert.match(quarantinedFor(cluster, n3), isOfLater ? /has seen start 6/ : /has seen start 2/);
  }
});

test("disks of two owners that are put back one after the other, the first long rebuilt, leave their group a quorum", () => {
  const nodes = [n1, n2, n3, n4, n5];
  const cluster = new Cluster({ nodes, groups: { rg: [n1, n3, n5] }, voters: [n1, n2, n4] });
  cluster.leader();
  cluster.stop(n3);
  const image3 = imageOf(cluster, n3);
  for (let at = 0; at < 3; at++) {
    cluster.start(n3);
    cluster.advance(3000);
    cluster.stop(n3);
  }
  cluster.stop(n5);
  const image5 = imageOf(cluster, n5);
  cluster.start(n5);
  cluster.advance(3000);
  cluster.disks.set(n3, image3);
  cluster.start(n3);
  cluster.until(() => quarantinedFor(cluster, n3) !== "" && quarantineOf(cluster, n3) === null, 20_000);
  cluster.ask(n4, put("k", "acknowledged"), "put", 8000);
  cluster.advance(60_000);
  const { length } = cluster.member(n3).reasons;
  cluster.stop(n5);
  cluster.disks.set(n5, image5);
  cluster.start(n5);
  cluster.advance(60_000);
  assert.equal(textIn(cluster.ask(n4, get("k"), "get", 10_000)), "acknowledged");
  assert.equal(cluster.member(n3).reasons.length, length);
});
