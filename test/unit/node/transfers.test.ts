// Snapshots between whole nodes: a follower was off for longer than the log reaches, and the way back is troubled.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toMillis, toRevision, toTerm } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import { Cluster, get, n1, n2, n3, n4, put, rg, textIn } from "./cluster.ts";

const large = new Uint8Array(100_000).fill(120);

/** One follower has missed more than the log keeps; it is not started yet. */
function behind(): { readonly cluster: Cluster; readonly leader: NodeId; readonly late: NodeId } {
  const cluster = new Cluster(undefined, undefined, { bytes: 1e9, entries: 10 });
  const leader = cluster.leader();
  const late = [n1, n2, n3].find((node) => node !== leader) as NodeId;
  cluster.ask(n4, put("early", "v"), "put");
  cluster.stop(late);
  for (let at = 0; at < 16; at++) cluster.ask(leader, put(`k${at % 12}`, large), "put");
  return { cluster, leader, late };
}

function partsTo(cluster: Cluster, late: NodeId): (PeerMessage & { type: "snapshotPart" })[] {
  return cluster.sent.flatMap(({ to, message }) => {
    return to === late && message.type === "snapshotPart" && message.group === rg ? [message] : [];
  });
}

function standing(cluster: Cluster, node: NodeId): string {
  const { status } = cluster.ask(node, { type: "groupStatus", group: rg }, "groupStatus");
  return `${status.applied} ${status.revision} ${status.stateHash}`;
}

/** Also after it has read its disk again. */
function isEqualAfterRestart(cluster: Cluster, late: NodeId): void {
  const others = [n1, n2, n3].filter((node) => cluster.members.has(node) && node !== late);
  cluster.until(() => others.some((node) => standing(cluster, late) === standing(cluster, node)), 40_000);
  cluster.stop(late);
  cluster.start(late);
  cluster.until(() => others.some((node) => standing(cluster, late) === standing(cluster, node)), 10_000);
  cluster.ask(n4, put("after", "w"), "put", 10_000);
  cluster.advance(1000);
  assert.equal(textIn(cluster.ask(late, get("after", "local"), "get")), "w");
}

test("a follower that is behind the log is given a snapshot, in parts", () => {
  const { cluster, late } = behind();
  cluster.start(late);
  isEqualAfterRestart(cluster, late);
  assert.ok(partsTo(cluster, late).length >= 4, `${partsTo(cluster, late).length} parts`);
});

test("parts that come twice are taken in once", () => {
  const { cluster, late } = behind();
  cluster.copies = (_from, _to, message) => (message.type.startsWith("snapshot") ? 2 : 1);
  cluster.start(late);
  isEqualAfterRestart(cluster, late);
});

test("lost parts and answers are made up for", () => {
  const { cluster, late } = behind();
  let count = 0;
  cluster.copies = (_from, _to, message) => (message.type.startsWith("snapshot") && ++count % 3 === 0 ? 0 : 1);
  cluster.start(late);
  isEqualAfterRestart(cluster, late);
});

test("a transfer that was given up is taken up again from its beginning", () => {
  const { cluster, late } = behind();
  cluster.copies = (_from, _to, message) => (message.type === "snapshotPart" && message.sequence >= 2 ? 0 : 1);
  cluster.start(late);
  cluster.advance(25_000);
  cluster.copies = () => 1;
  isEqualAfterRestart(cluster, late);
});

test("a follower comes back although more is written during the transfer than the log usually keeps", () => {
  const { cluster, leader, late } = behind();
  const seen = new Set<string>();
  // Each part has to be sent twice, which takes a second.
  cluster.copies = (_from, to, message) => {
    if (to !== late || message.type !== "snapshotPart") return 1;
    const name = `${message.last.index} ${message.sequence}`;
    if (seen.has(name)) return 1;
    seen.add(name);
    return 0;
  };
  cluster.start(late);
  const isThere = () => cluster.member(late).machine.group(rg)?.status(toMillis(cluster.nowMs)).manager === leader;
  cluster.until(isThere);
  const installed = () => cluster.member(late).notes.filter((note) => note === "Installed a snapshot").length;
  for (let at = 0; installed() < 3 && at < 120; at++) {
    cluster.ask(leader, put("counter", `${at}`), "put");
    cluster.advance(200);
  }
  assert.equal(installed(), 1);
  isEqualAfterRestart(cluster, late);
});

test("a follower that restarts in the middle is sent everything anew", () => {
  const { cluster, late } = behind();
  cluster.copies = (_from, _to, message) => (message.type === "snapshotPart" && message.sequence >= 2 ? 0 : 1);
  cluster.start(late);
  cluster.advance(500);
  cluster.stop(late);
  cluster.copies = () => 1;
  cluster.start(late);
  isEqualAfterRestart(cluster, late);
});

test("the next leader begins a transfer of its own", () => {
  const { cluster, leader, late } = behind();
  cluster.copies = (from, _to, message) => {
    return from === leader && message.type === "snapshotPart" && message.sequence >= 2 ? 0 : 1;
  };
  cluster.start(late);
  cluster.advance(500);
  cluster.stop(leader);
  isEqualAfterRestart(cluster, late);
});

test("a compaction in the middle makes the leader begin anew", () => {
  const { cluster, leader, late } = behind();
  cluster.copies = (_from, _to, message) => (message.type === "snapshotPart" && message.sequence >= 2 ? 0 : 1);
  cluster.start(late);
  cluster.advance(500);
  const { revision } = cluster.ask(leader, put("more", "v"), "put").header;
  cluster.ask(leader, { type: "compact", group: rg, revision: toRevision(revision) }, "compact");
  cluster.copies = () => 1;
  isEqualAfterRestart(cluster, late);
});

test("a damaged snapshot is refused, and the next is taken", () => {
  const { cluster, late } = behind();
  cluster.change = (message) => {
    if (message.type !== "snapshotPart" || message.sequence !== 0) return message;
    return { ...message, rows: message.rows.slice(1) };
  };
  const member = cluster.start(late);
  cluster.advance(2000);
  assert.ok(member.notes.includes("Refused a snapshot"));
  assert.ok(!member.notes.includes("Installed a snapshot"));
  cluster.change = (message) => message;
  isEqualAfterRestart(cluster, late);
});

test("a transfer ends when the follower turns out to hold the end of it", () => {
  const { cluster, late } = behind();
  cluster.copies = (_from, to, message) => (to !== late && message.type === "snapshotAck" ? 0 : 1);
  cluster.start(late);
  cluster.advance(300);
  cluster.copies = () => 1;
  isEqualAfterRestart(cluster, late);
  cluster.sent = [];
  cluster.advance(5000);
  assert.equal(partsTo(cluster, late).length, 0);
});

test("parts of a leader that is none any more are passed over", () => {
  const { cluster, late } = behind();
  cluster.change = (message) => {
    return message.type === "snapshotPart" ? { ...message, term: toTerm(message.term - 1) } : message;
  };
  const member = cluster.start(late);
  cluster.advance(3000);
  assert.ok(!member.notes.includes("Installed a snapshot"));
  assert.ok(!cluster.sent.some(({ from, message }) => from === late && message.type === "snapshotAck"));
});

test("parts that end with an entry of no term, or of one that has not begun, are passed over", () => {
  for (const forged of [0, 1000]) {
    const { cluster, late } = behind();
    cluster.change = (message) => {
      return message.type === "snapshotPart"
        ? { ...message, last: { ...message.last, term: toTerm(forged) } }
        : message;
    };
    const member = cluster.start(late);
    cluster.advance(3000);
    assert.ok(!member.notes.includes("Installed a snapshot"));
    cluster.change = (message) => message;
    isEqualAfterRestart(cluster, late);
  }
});

test("a watch at a follower that is given a snapshot is told to resume", () => {
  const { cluster, late } = behind();
  const member = cluster.start(late);
  const call = member.watch({ ...watchRequest });
  cluster.until(() => member.notes.includes("Installed a snapshot"), 20_000);
  cluster.settle();
  const last = member.watched.get(call)?.at(-1);
  assert.equal(last?.type === "canceled" && last.failure.code, "no_leader");
});

const watchRequest = {
  type: "watch",
  group: rg,
  span: { start: new Uint8Array(0), end: null },
  startRevision: null,
  puts: true,
  deletes: true,
  previousValues: false,
  withoutExpiries: false,
  initial: false,
  bufferBytesMax: 0,
  progressIntervalMs: 0,
} as const;
