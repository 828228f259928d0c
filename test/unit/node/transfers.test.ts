// Snapshots between whole nodes: a follower was off for longer than the log reaches, and the way back is troubled.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { type NodeId, toMillis, toRevision, toTerm } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import { limits as nodeLimits } from "../../../server/node/limits.ts";
import { decodeGroupRecord } from "../../../storage/group-record.ts";
import { everyRange, parseKey, type Slot } from "../../../storage/keys.ts";
import { Cluster, type Disk, get, n1, n2, n3, n4, put, rg, textIn } from "./cluster.ts";

const everything = { rowsMax: 1e9, bytesMax: 1e12 };
const large = new Uint8Array(100_000).fill(120);

interface Behind {
  readonly cluster: Cluster;
  readonly leader: NodeId;
  readonly late: NodeId;
}

/** One follower has missed more than the log keeps; it is not started yet. */
function behind({ entriesKept = 10, limits = {} } = {}): Behind {
  const cluster = new Cluster(undefined, undefined, { bytes: 1e9, entries: entriesKept });
  const leader = cluster.leader();
  cluster.ask(n4, { type: "configure", group: rg, config: encodeGroupConfig({ limits }) }, "configure");
  const late = [n1, n2, n3].find((node) => node !== leader) as NodeId;
  cluster.ask(n4, put("early", "v"), "put");
  cluster.stop(late);
  for (let at = 0; at < 16; at++) cluster.ask(leader, put(`k${at % 12}`, large), "put");
  for (let at = 0; at < entriesKept; at++) cluster.ask(leader, put("counter", `${at}`), "put");
  return { cluster, leader, late };
}

/** Parts reach `late` one by one, each after `between`, until a snapshot is in force there. */
function sendSlowly({ cluster, late }: Behind, between: () => void): void {
  let isOpen = false;
  cluster.copies = (_from, to, message) => {
    if (to !== late || message.type !== "snapshotPart" || message.group !== rg) return 1;
    const copies = isOpen ? 1 : 0;
    isOpen = false;
    return copies;
  };
  const isInstalled = () => cluster.member(late).notes.includes("Installed a snapshot");
  for (let parts = 0; parts < 12 && !isInstalled(); parts++) {
    between();
    isOpen = true;
    cluster.until(() => !isOpen || isInstalled());
  }
}

/** The transfer's second part is acknowledged no more. @returns the revision that it is read at */
function getStuck({ cluster, leader, late }: Behind): number {
  cluster.copies = (_from, _to, message) => (message.type === "snapshotAck" && message.next > 1 ? 0 : 1);
  cluster.start(late);
  cluster.until(() => partsTo(cluster, late).length > 1);
  return cluster.ask(leader, { type: "groupStatus", group: rg }, "groupStatus").status.revision;
}

/** Each value replaces the one before. */
function rewrite(cluster: Cluster, count: number, value: string | Uint8Array = "v"): void {
  for (let at = 0; at < count; at++) cluster.ask(cluster.leader(), put("counter", value), "put");
}

function attempts(cluster: Cluster): number {
  return [...cluster.members.values()].flatMap(({ notes }) => notes).filter((note) => note === "Sending a snapshot")
    .length;
}

function standingOf({ cluster, leader }: Behind): { readonly floor: number; readonly revision: number } {
  const { status } = cluster.ask(leader, { type: "groupStatus", group: rg }, "groupStatus");
  return { floor: status.compactedRevision, revision: status.revision };
}

function partsTo(cluster: Cluster, late: NodeId): (PeerMessage & { type: "snapshotPart" })[] {
  return cluster.sent.flatMap(({ to, message }) => {
    return to === late && message.type === "snapshotPart" && message.group === rg ? [message] : [];
  });
}

/** Slots that rows on the disk carry, and those among them that a record names. */
function slotsOf(cluster: Cluster, node: NodeId): { readonly held: readonly Slot[]; readonly named: readonly Slot[] } {
  const held = new Set<Slot>();
  const named = new Set<Slot>();
  for (const { key, value } of (cluster.disks.get(node) as Disk).rows.page(everyRange(), everything).rows) {
    const parsed = parseKey(key);
    if ("slot" in parsed) held.add(parsed.slot);
    const record = parsed.type === "group" ? decodeGroupRecord(value) : "none";
    if (typeof record !== "string" && record.role !== "gone") named.add(record.slot);
  }
  return { held: [...held], named: [...named].filter((slot) => held.has(slot)).sort() };
}

function holdsNoMoreThanNamed(cluster: Cluster, node: NodeId): void {
  const { held, named } = slotsOf(cluster, node);
  assert.deepEqual(held, named);
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

test("the rows of the state that a snapshot has replaced go as soon as it is in force", () => {
  const { cluster, late } = behind();
  const before = slotsOf(cluster, late).named;
  const member = cluster.start(late);
  cluster.until(() => member.notes.includes("Installed a snapshot"), 20_000);
  cluster.advance(100);
  assert.notDeepEqual(slotsOf(cluster, late).named, before);
  holdsNoMoreThanNamed(cluster, late);
});

test("the rows of a snapshot that is begun anew go", () => {
  const { cluster, late } = behind();
  cluster.copies = (_from, _to, message) => (message.type === "snapshotPart" && message.sequence >= 2 ? 0 : 1);
  cluster.start(late);
  cluster.advance(500);
  const first = slotsOf(cluster, late).held;
  const isAnew = () => slotsOf(cluster, late).held.some((slot) => !first.includes(slot));
  cluster.until(isAnew, 40_000);
  cluster.advance(100);
  assert.equal(slotsOf(cluster, late).held.length, first.length);
});

test("the rows of a snapshot that is refused go", () => {
  const { cluster, late } = behind();
  cluster.change = (message) => {
    if (message.type !== "snapshotPart" || message.sequence !== 0) return message;
    return { ...message, rows: message.rows.slice(1) };
  };
  const member = cluster.start(late);
  cluster.until(() => member.notes.filter((note) => note === "Refused a snapshot").length > 2, 60_000);
  cluster.copies = (_from, _to, message) => (message.type === "snapshotPart" ? 0 : 1);
  cluster.advance(100);
  const { held, named } = slotsOf(cluster, late);
  assert.ok(held.length <= named.length + 1, `of all attempts there is one at most: ${held}, named are ${named}`);
});

test("the rows of a snapshot go when its receiver leaves the group", () => {
  const { cluster, leader, late } = behind();
  cluster.copies = (_from, _to, message) => (message.type === "snapshotPart" && message.sequence >= 2 ? 0 : 1);
  const member = cluster.start(late);
  cluster.advance(500);
  const owners = [n1, n2, n3].filter((node) => node !== late);
  const request = { type: "setOwners", group: rg, owners, ifIndex: null, validateOnly: false } as const;
  cluster.ask(leader, request, "setOwners", 20_000);
  cluster.until(() => member.notes.includes("Left a group"), 40_000);
  cluster.advance(100);
  holdsNoMoreThanNamed(cluster, late);
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

test("a snapshot is installed at the first attempt although history is given up by count meanwhile", () => {
  const all = behind({ entriesKept: 400, limits: { historyRevisions: 100 } });
  const { cluster, late } = all;
  cluster.start(late);
  sendSlowly(all, () => rewrite(cluster, 150));
  assert.ok(partsTo(cluster, late).some(({ final }) => final));
  assert.deepEqual([attempts(cluster), cluster.member(late).notes.includes("Installed a snapshot")], [1, true]);
  isEqualAfterRestart(cluster, late);
  const { floor, revision } = standingOf(all);
  assert.ok(revision - floor <= 113, `${revision - floor} revisions are kept`);
});

test("a follower that acknowledges nothing more holds history up for as long as its transfer may be silent", () => {
  const all = behind({ entriesKept: 400, limits: { historyRevisions: 100 } });
  const { cluster } = all;
  const pinned = getStuck(all);
  rewrite(cluster, 300);
  const { floor } = standingOf(all);
  assert.ok(floor > pinned - 100 && floor <= pinned, `floor ${floor}, read at ${pinned}`);
  cluster.advance(nodeLimits.snapshotSilenceMs);
  assert.ok(standingOf(all).floor > pinned, `floor ${standingOf(all).floor}, read at ${pinned}`);
});

test("a follower that acknowledges too slowly keeps nobody from writing: the quota comes first", () => {
  const all = behind({ limits: { quotaBytes: 2_000_000 } });
  const { cluster } = all;
  const pinned = getStuck(all);
  rewrite(cluster, 4, large);
  assert.ok(standingOf(all).floor <= pinned);
  rewrite(cluster, 40, large);
  assert.ok(standingOf(all).floor > pinned);
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
