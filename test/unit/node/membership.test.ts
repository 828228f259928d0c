// Whole nodes whose groups change their members: owner lists, witnesses, precedence.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { type NodeId, toIncarnation, toMemberId, toNodeId } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { Request } from "../../../proto/requests.ts";
import { limits } from "../../../server/node/limits.ts";
import { decodeGroupRecord } from "../../../storage/group-record.ts";
import { parseKey } from "../../../storage/keys.ts";
import type { Operation } from "../../../storage/ordered-store.ts";
import { Cluster, type Disk, get, peerInput, put, rg, type Shape, textIn } from "./cluster.ts";

const nodes = [1, 2, 3, 4, 5, 6, 7].map((number) => toNodeId(`n${number}`));
const [n1, n2, n3, n4, n5, n6, n7] = nodes as [NodeId, NodeId, NodeId, NodeId, NodeId, NodeId, NodeId];
const shape: Shape = { nodes, groups: { rg: [n1, n2, n3] }, voters: [n1, n4, n7] };
const pair: Shape = { nodes, groups: { rg: [n1, n2] }, voters: [n3, n4, n7] };

function setOwners(...owners: NodeId[]): Request {
  return { type: "setOwners", group: rg, owners, ifIndex: null, validateOnly: false };
}

function statusOf(cluster: Cluster, node: NodeId) {
  return cluster.ask(node, { type: "groupStatus", group: rg }, "groupStatus").status;
}

function votersOf(cluster: Cluster, node: NodeId): string {
  const { voters, outgoing } = statusOf(cluster, node).membership;
  assert.equal(outgoing.length, 0);
  return voters.map((voter) => `${voter.node}${voter.isWitness ? " (witness)" : ""}`).join(", ");
}

/** Where a witness has its seat, by what is on the disks. */
function seatsIn(cluster: Cluster): readonly NodeId[] {
  return [...cluster.disks].flatMap(([node, disk]) => {
    const stored = disk.read();
    return stored.type === "image" && stored.image.seats.some(({ role }) => role === "witness") ? [node] : [];
  });
}

test("all three owners are replaced at once: what was written is there, what is left behind is not", () => {
  const cluster = new Cluster(shape);
  cluster.ask(n7, put("k", "before"), "put");
  cluster.ask(n7, setOwners(n4, n5, n6), "setOwners", 20_000);
  assert.equal(textIn(cluster.ask(n7, get("k"), "get", 10_000)), "before");
  cluster.ask(n1, put("k", "after"), "put", 10_000);
  cluster.advance(5_000);
  for (const node of [n4, n5, n6]) assert.equal(votersOf(cluster, node), "n4, n5, n6");
  const { groups } = cluster.ask(n2, { type: "directory" }, "directory");
  assert.deepEqual(groups.find(({ group }) => group === rg)?.owners, [n4, n5, n6]);
  for (const node of [n1, n2, n3]) assert.equal(cluster.member(node).machine.group(rg), null);
});

test("an owner list is reordered, extended and cut in one change", () => {
  const cluster = new Cluster(shape);
  cluster.ask(n7, put("k", "v"), "put");
  cluster.ask(n7, setOwners(n5, n3, n2, n4), "setOwners", 20_000);
  cluster.advance(3_000);
  assert.equal(votersOf(cluster, n5), "n5, n3, n2, n4");
  assert.equal(cluster.member(n1).machine.group(rg), null);
});

test("an owner list with a stranger, or one that is not the present one, is refused with the reason", () => {
  const cluster = new Cluster(shape);
  cluster.leader();
  const stranger = cluster.ask(n1, setOwners(n1, toNodeId("n99")), "failed");
  assert.match(stranger.failure.message, /n99 is not a node/);
  const late: Request = { type: "setOwners", group: rg, owners: [n1, n2], ifIndex: 77 as never, validateOnly: false };
  assert.equal(cluster.ask(n1, late, "failed").failure.code, "condition_failed");
});

test("a new owner that is down keeps nobody from anything, and the change ends when it is up", () => {
  const cluster = new Cluster(shape);
  cluster.leader();
  cluster.stop(n5);
  const { failure } = cluster.ask(n1, setOwners(n1, n2, n5), "failed", 5_000);
  assert.equal(failure.effect, "unknown");
  cluster.ask(n7, put("k", "meanwhile"), "put");
  cluster.start(n5);
  cluster.until(() => votersOf(cluster, n1) === "n1, n2, n5", 20_000);
  assert.equal(textIn(cluster.ask(n5, get("k"), "get")), "meanwhile");
});

test("an owner that was off while it was left out has nothing of the group soon after it is back", () => {
  const cluster = new Cluster(shape);
  cluster.leader();
  cluster.stop(n3);
  cluster.ask(n7, setOwners(n1, n2, n4), "setOwners", 20_000);
  cluster.start(n3);
  cluster.settle();
  assert.notEqual(cluster.member(n3).machine.group(rg), null);
  cluster.until(() => cluster.member(n3).machine.group(rg) === null, 10_000);
  assert.equal(textIn(cluster.ask(n3, get("none"), "get")), null);
});

test("an owner without votes that was off while it was left out has nothing of the group soon after it is back", () => {
  const cluster = new Cluster(shape);
  const votes = (node: NodeId) => statusOf(cluster, n1).membership.voters.find((voter) => voter.node === node)?.votes;
  const configure = (quorum: object) => {
    cluster.ask(n7, { type: "configure", group: rg, config: encodeGroupConfig({ quorum }) }, "configure", 10_000);
  };
  cluster.leader();
  configure({ weighted: { votes: { n3: 0 } } });
  cluster.until(() => votes(n3) === 0, 10_000);
  cluster.advance(2_000);
  cluster.stop(n3);
  configure({ majority: {} });
  cluster.until(() => votes(n3) === 1, 10_000);
  cluster.ask(n7, setOwners(n1, n2, n4), "setOwners", 20_000);
  cluster.start(n3);
  cluster.settle();
  assert.notEqual(cluster.member(n3).machine.group(rg), null);
  cluster.until(() => cluster.member(n3).machine.group(rg) === null, 4 * limits.voicelessSilenceMs);
});

test("an owner that was off while all of them were replaced hears it from those whom the directory names", () => {
  const cluster = new Cluster(shape);
  cluster.leader();
  cluster.stop(n3);
  cluster.ask(n7, setOwners(n4, n5, n6), "setOwners", 20_000);
  cluster.advance(5_000);
  for (const node of [n1, n2]) assert.equal(cluster.member(node).machine.group(rg), null);
  cluster.start(n3);
  cluster.settle();
  assert.notEqual(cluster.member(n3).machine.group(rg), null);
  cluster.until(() => cluster.member(n3).machine.group(rg) === null, 4_000);
});

test("a manager that was left out, and is answered by a witness that does not know it, asks whom the directory names", () => {
  const cluster = new Cluster(pair);
  cluster.until(() => statusOf(cluster, n1).manager === n1 && votersOf(cluster, n1).includes("witness"), 60_000);
  const witness = statusOf(cluster, n1).membership.voters.find(({ isWitness }) => isWitness)?.node as NodeId;
  const [heir, ...present] = nodes.filter((node) => ![n1, n2, witness].includes(node)) as [NodeId, ...NodeId[]];
  // It has the entry that leaves it out, and does not hear that this is committed.
  const cut = new Set<NodeId>();
  const isLeftOut = () => {
    const { voters = [], outgoing = [] } = cluster.members.get(n1)?.machine.group(rg)?.membership ?? {};
    return voters.length > 0 && [...voters, ...outgoing].every(({ node }) => node !== n1);
  };
  cluster.copies = (from, to) => {
    if (isLeftOut()) cut.add(n1);
    return cut.has(from) === cut.has(to) ? 1 : 0;
  };
  cluster.member(n1).call(setOwners(n2, heir));
  cluster.until(() => cut.has(n1), 20_000);
  cluster.until(() => {
    const { manager, membership } = statusOf(cluster, heir);
    return manager === n2 && membership.outgoing.length === 0;
  }, 60_000);
  cut.add(witness);
  cluster.member(n2).call(setOwners(...present.slice(0, 3)));
  cluster.until(() => [n2, heir].every((node) => cluster.member(node).machine.group(rg) === null), 20_000);
  cluster.sent = [];
  const isAnswer = ({ from, to, message }: (typeof cluster.sent)[number]) =>
    from === witness && to === n1 && message.type === "raft";
  cluster.until(() => cluster.sent.some(isAnswer), 20_000);
  cluster.copies = (...path) => (path.includes(witness) && present.some((node) => path.includes(node)) ? 0 : 1);
  cluster.until(() => cluster.member(n1).machine.group(rg) === null, limits.voicelessSilenceMs - 1_000);
});

test("a node that is rebuilt and loses what it has of the group, halfway, is rebuilt all the same", () => {
  const cluster = new Cluster(shape);
  cluster.ask(n7, put("k", "v"), "put");
  cluster.stop(n3);
  cluster.wipe(n3);
  cluster.copies = (_from, to, { type }) => (to === n3 && type === "snapshotPart" ? 0 : 1);
  cluster.start(n3, "The data directory was wiped");
  cluster.until(() => cluster.member(n3).machine.group(rg) !== null, 10_000);
  cluster.stop(n3);
  cluster.copies = () => 1;
  cluster.start(n3);
  cluster.until(() => votersOf(cluster, n1) === "n1, n2, n3", 20_000);
  cluster.until(() => cluster.member(n3).machine.group(rg)?.isOwner === true, 5_000);
  cluster.stop(n2);
  assert.equal(textIn(cluster.ask(n3, get("k"), "get", 10_000)), "v");
});

test("an owner that lost its disk is rebuilt although the weights that were configured allow for no quorum", () => {
  const cluster = new Cluster(shape);
  cluster.leader();
  const config = encodeGroupConfig({ quorum: { weighted: { votes: { n1: 0, n2: 0, n3: 0 } } } });
  cluster.ask(n7, { type: "configure", group: rg, config }, "configure", 10_000);
  cluster.advance(2_000);
  cluster.stop(n3);
  cluster.wipe(n3);
  cluster.start(n3, "wiped");
  cluster.settle();
  cluster.until(() => cluster.member(n3).machine.group(rg)?.isOwner === true, 20_000);
  assert.equal(votersOf(cluster, n1), "n1, n2, n3");
});

test("a node that was to be an owner has nothing of the group soon after it is not wanted any more", () => {
  const cluster = new Cluster(shape);
  // Leadership that is handed over meanwhile would leave the outcome of the change unknown.
  cluster.until(() => cluster.leader() === n1, 20_000);
  cluster.copies = (_from, to, { type }) => (to === n5 && type === "snapshotPart" ? 0 : 1);
  cluster.ask(n1, setOwners(n1, n2, n5), "failed", 3_000);
  assert.notEqual(cluster.member(n5).machine.group(rg), null);
  cluster.ask(n1, setOwners(n1, n2, n4), "setOwners", 10_000);
  cluster.until(() => cluster.member(n5).machine.group(rg) === null, 10_000);
});

test("a change of the owners that was passed on, and not answered in time, may have happened", () => {
  const cluster = new Cluster(shape);
  cluster.leader();
  cluster.copies = (_from, _to, { type }) => (type === "forwardReply" ? 0 : 1);
  assert.equal(cluster.ask(n7, setOwners(n1, n2, n5), "failed", 3_000).failure.effect, "unknown");
  const validated = { ...setOwners(n1, n5), validateOnly: true } as Request;
  assert.equal(cluster.ask(n7, validated, "failed", 3_000).failure.effect, "none");
});

test("a change of the owners that is asked for again while it is under way goes on", () => {
  const cluster = new Cluster(shape);
  const leader = cluster.leader();
  cluster.copies = (_from, _to, { type }) => (type === "snapshotPart" ? 0 : 1);
  const numbers = [1, 2, 3].map(() => {
    cluster.member(leader).call(setOwners(n1, n2, n4), 3_000);
    cluster.advance(4_000);
    return statusOf(cluster, leader).membership.nextMember;
  });
  assert.deepEqual(numbers, [3, 3, 3]);
  cluster.copies = () => 1;
  cluster.ask(leader, setOwners(n1, n2, n4), "setOwners", 10_000);
  assert.equal(votersOf(cluster, leader), "n1, n2, n4");
});

test("a change of the owners that cannot begin is refused with the reason, keeps no other from beginning, and does not come about later", () => {
  const cluster = new Cluster({ nodes, groups: { rg: [n1, n2, n3, n4, n5] }, voters: [n5, n6, n7] });
  cluster.leader();
  cluster.advance(5_000);
  cluster.stop(n2);
  cluster.stop(n3);
  cluster.advance(5_000);
  const { failure } = cluster.ask(n7, setOwners(n1, n2, n3), "failed", 10_000);
  assert.equal(failure.code, "condition_failed");
  assert.match(failure.message, /cannot be changed to n1, n2, n3 now: Too few of the voters/);
  cluster.start(n3);
  cluster.advance(10_000);
  assert.equal(votersOf(cluster, n1), "n1, n2, n3, n4, n5");
  cluster.ask(n7, setOwners(n1, n4, n5), "setOwners", 10_000);
});

test("a group says why its members are not as the policy asks for, while an owner without which no quorum would be is away", () => {
  const cluster = new Cluster(shape);
  cluster.until(() => cluster.leader() === n1, 20_000);
  cluster.stop(n3);
  cluster.advance(2_000);
  const config = encodeGroupConfig({ quorum: { weighted: { votes: { n3: 9 } } } });
  cluster.ask(n7, { type: "configure", group: rg, config }, "configure", 10_000);
  cluster.until(() => /Too few of the voters/.test(statusOf(cluster, n1).hindrance), 10_000);
  cluster.start(n3);
  cluster.until(() => statusOf(cluster, n1).membership.voters[2]?.votes === 9, 10_000);
  cluster.until(() => statusOf(cluster, n1).hindrance === "", 10_000);
});

test("an owner that lost its data votes again when it is rebuilt, although a new owner of the same change is down", () => {
  const cluster = new Cluster({ ...shape, voters: [n5, n6, n7] });
  cluster.ask(n7, put("k", "v"), "put", 10_000);
  cluster.stop(n4);
  cluster.ask(n7, setOwners(n1, n2, n3, n4), "failed", 3_000);
  cluster.stop(n3);
  cluster.wipe(n3);
  cluster.start(n3, "The data directory was wiped");
  cluster.until(() => (statusOf(cluster, n1).membership.voters[2]?.member ?? 0) > 1, 20_000);
  cluster.stop(n2);
  cluster.ask(n7, put("k", "w"), "put", 20_000);
  cluster.start(n4);
  cluster.until(() => votersOf(cluster, n1) === "n1, n2, n3, n4", 20_000);
});

test("a change that was given up for one that cannot begin goes on, and whoever waits for it is told", () => {
  const cluster = new Cluster({ nodes, groups: { rg: [n1, n2, n3, n4, n5] }, voters: [n5, n6, n7] });
  cluster.until(() => cluster.leader() === n1, 20_000);
  cluster.advance(5_000);
  for (const node of [n2, n3, n6]) cluster.stop(node);
  cluster.advance(5_000);
  const member = cluster.member(n1);
  const call = member.call(setOwners(n1, n4, n5, n6), 60_000);
  cluster.advance(2_000);
  cluster.ask(n7, setOwners(n1, n2, n3), "failed", 10_000);
  cluster.start(n6);
  cluster.until(() => member.replies.get(call)?.type === "setOwners", 30_000);
});

test("two owners get a witness, which stores nothing and keeps the group going without either of them", () => {
  for (const lost of [n1, n2]) {
    const cluster = new Cluster(pair);
    cluster.ask(n7, put("k", "v"), "put");
    const owner = lost === n1 ? n2 : n1;
    cluster.until(() => votersOf(cluster, owner).includes("witness"), 10_000);
    cluster.ask(n7, put("k", "both"), "put");
    cluster.stop(lost);
    cluster.ask(n7, put("k", "alone"), "put", 15_000);
    assert.ok(statusOf(cluster, owner).isDegraded);
    cluster.start(lost);
    cluster.until(() => !statusOf(cluster, owner).isDegraded && statusOf(cluster, owner).manager !== null, 20_000);
    cluster.advance(2_000);
    cluster.stop(owner);
    assert.equal(textIn(cluster.ask(n7, get("k"), "get", 15_000)), "alone");
    cluster.ask(n7, put("k", "the other alone"), "put", 15_000);
  }
});

test("a witness on an old copy of its data elects nobody: it may not know that an owner missed writes", () => {
  const cluster = new Cluster(pair);
  cluster.ask(n7, put("k", "both"), "put");
  cluster.until(() => votersOf(cluster, n1).includes("witness"), 10_000);
  const witness = statusOf(cluster, n1).membership.voters.find(({ isWitness }) => isWitness)?.node as NodeId;
  const client = nodes.find((node) => ![n1, n2, witness].includes(node)) as NodeId;
  cluster.advance(2_000);
  const copy = (cluster.disks.get(witness) as Disk).image();
  cluster.stop(n1);
  cluster.ask(client, put("k", "n2 alone"), "put", 15_000);
  cluster.stop(n2);
  cluster.stop(witness);
  cluster.disks.set(witness, copy);
  cluster.start(witness, "The data directory is an old copy");
  cluster.start(n1);
  cluster.ask(client, get("k"), "failed", 10_000);
  cluster.start(n2);
  assert.equal(textIn(cluster.ask(client, get("k"), "get", 15_000)), "n2 alone");
  cluster.until(() => statusOf(cluster, n1).membership.nextMember > 3, 15_000);
  cluster.stop(n1);
  cluster.ask(client, put("k", "with a witness again"), "put", 15_000);
});

test("a witness that stays away is replaced", () => {
  const cluster = new Cluster(pair);
  cluster.leader();
  cluster.until(() => votersOf(cluster, n1).includes("witness"), 10_000);
  const witness = statusOf(cluster, n1).membership.voters.find(({ isWitness }) => isWitness)?.node as NodeId;
  cluster.stop(witness);
  cluster.until(() => /witness/.test(votersOf(cluster, n1)) && !votersOf(cluster, n1).includes(witness), 30_000);
});

test("a witness that was away while it was replaced, or that a third owner makes superfluous, gives its seat up", () => {
  const cluster = new Cluster(pair);
  const witness = () => statusOf(cluster, n1).membership.voters.find(({ isWitness }) => isWitness)?.node ?? null;
  cluster.until(() => witness() !== null, 20_000);
  const first = witness() as NodeId;
  cluster.stop(first);
  cluster.until(() => witness() !== first && seatsIn(cluster).length === 2, 40_000);
  cluster.start(first);
  cluster.until(() => seatsIn(cluster).join() === witness(), 4 * limits.voicelessSilenceMs);
  cluster.ask(n1, setOwners(n1, n2, first), "setOwners", 20_000);
  cluster.until(() => seatsIn(cluster).length === 0, 4 * limits.voicelessSilenceMs);
});

test("a witness is found although the nodes that would be the best ones are all down", () => {
  const domains = { n1: "a", n2: "b", n3: "a", n4: "a", n5: "b", n6: "c", n7: "c" };
  const cluster = new Cluster({ nodes, groups: { rg: [n1, n2] }, voters: [n1, n2, n3], domains });
  cluster.until(() => /n[67] .witness/.test(votersOf(cluster, n1)), 20_000);
  for (const node of [n6, n7]) cluster.stop(node);
  cluster.until(() => /n[345] .witness/.test(votersOf(cluster, n1)), 60_000);
  cluster.advance(1_000);
  cluster.stop(n2);
  cluster.ask(n3, put("k", "v"), "put", 15_000);
});

test("a witness that is named and is an owner keeps no owner that lost its data from being rebuilt", () => {
  const cluster = new Cluster(shape);
  cluster.leader();
  const config = encodeGroupConfig({ quorum: { witness: { node: n3 } } });
  cluster.ask(n7, { type: "configure", group: rg, config }, "configure", 10_000);
  cluster.stop(n2);
  cluster.wipe(n2);
  cluster.start(n2, "The data directory was wiped");
  cluster.until(() => /^n1, n2, n3, n[4567] .witness.$/.test(votersOf(cluster, n1)), 30_000);
  const hindrance = "The witness n3 is an owner, it must be another node";
  assert.equal(statusOf(cluster, n1).hindrance, hindrance);
  const explained = cluster.ask(n7, { type: "explainGroup", group: rg, decisions: 0 }, "explainGroup");
  assert.ok(explained.explanation.summary.endsWith(`; its members are not as they are to be: ${hindrance}`));
});

test("a witness that stays away is replaced although a new owner that is down is waited for, and the change ends when it is up", () => {
  const cluster = new Cluster({ nodes, groups: { rg: [n1, n2] }, voters: [n5, n6, n7] });
  const witnessIn = () => statusOf(cluster, n1).membership.voters.find(({ isWitness }) => isWitness)?.node ?? null;
  cluster.until(() => statusOf(cluster, n1).manager === n1 && witnessIn() !== null, 60_000);
  const witness = witnessIn() as NodeId;
  const heir = [n3, n4].find((node) => node !== witness) as NodeId;
  cluster.advance(10_000);
  for (const node of [witness, heir]) cluster.stop(node);
  cluster.ask(n1, setOwners(n1, n2, heir), "failed", 3_000);
  cluster.until(() => ![null, witness, heir].includes(witnessIn()), 30_000);
  cluster.until(() => statusOf(cluster, n1).membership.target?.length === 3, 5_000);
  cluster.advance(60_000);
  assert.equal(statusOf(cluster, n1).membership.nextMember, 6);
  cluster.start(heir);
  cluster.until(() => votersOf(cluster, n1) === `n1, n2, ${heir}`, 20_000);
});

test("a witness that was away for long, where no other node can be one, keeps the group going when it is back", () => {
  const cluster = new Cluster({ nodes: [n1, n2, n3], groups: { rg: [n1, n2] }, voters: [n1, n2, n3] });
  cluster.until(() => statusOf(cluster, n1).membership.voters.some(({ isWitness }) => isWitness), 20_000);
  cluster.advance(3_000);
  const { nextMember } = statusOf(cluster, n1).membership;
  cluster.stop(n3);
  cluster.advance(3 * limits.witnessSilenceMs);
  assert.equal(statusOf(cluster, n1).membership.nextMember, nextMember);
  cluster.stop(n2);
  cluster.advance(8_000);
  cluster.start(n3);
  cluster.ask(n3, put("k", "v"), "put", 20_000);
});

test("leadership goes to the first owner of the list when it has been fit for a while", () => {
  const cluster = new Cluster(shape);
  cluster.stop(n1);
  const manager = cluster.leader();
  assert.notEqual(manager, n1);
  cluster.start(n1);
  cluster.until(() => statusOf(cluster, n2).manager === n1, 15_000);
  const { term } = statusOf(cluster, n2);
  cluster.advance(30_000);
  assert.equal(statusOf(cluster, n2).term, term);
});

test("a witness that lost its votes says nothing as the one that it was, and the group gets one again", () => {
  const cluster = new Cluster(pair);
  cluster.ask(n7, put("k", "v"), "put");
  const witnessIn = () => statusOf(cluster, n1).membership.voters.find(({ isWitness }) => isWitness) ?? null;
  cluster.until(() => witnessIn() !== null, 10_000);
  const before = witnessIn() as NonNullable<ReturnType<typeof witnessIn>>;
  cluster.stop(before.node);
  (cluster.disks.get(before.node) as Disk).table = [];
  // Whoever is left has to ask for its vote.
  cluster.stop(n2);
  cluster.sent = [];
  cluster.start(before.node, "Its votes were lost");
  cluster.advance(10_000);
  const said = cluster.sent.flatMap(({ from, message }) => (from === before.node ? spokenAs(message) : []));
  assert.deepEqual(
    said.filter((member) => member <= before.member),
    [],
  );
  cluster.start(n2);
  cluster.until(() => (witnessIn()?.member ?? 0) > before.member, 30_000);
});

/** In the step in which the node gives its membership up its power is lost: of what is written then the table is on the disk. */
function losePowerWhileLeaving(cluster: Cluster, node: NodeId): void {
  const disk = cluster.disks.get(node) as Disk;
  const write = disk.write.bind(disk);
  disk.write = (batch) => {
    if (!batch.operations.some(isDeparture)) return write(batch);
    disk.write = write;
    write({ ...batch, operations: [] });
    cluster.stop(node);
  };
}

function isDeparture(operation: Operation): boolean {
  const key = parseKey(operation.key);
  if (operation.type === "delete" || key.type !== "group" || key.group !== rg) return false;
  const record = decodeGroupRecord(operation.value);
  return typeof record !== "string" && record.role === "gone";
}

test("a witness that loses its power while it becomes another member knows afterwards for whom it stood in", () => {
  const cluster = new Cluster(pair);
  cluster.ask(n7, put("k", "both"), "put");
  cluster.until(() => votersOf(cluster, n1).includes("witness"), 10_000);
  const { voters, nextMember } = statusOf(cluster, n1).membership;
  const witness = voters.find(({ isWitness }) => isWitness)?.node as NodeId;
  cluster.stop(n1);
  cluster.ask(n7, put("k", "n2 alone"), "put", 15_000);
  losePowerWhileLeaving(cluster, witness);
  const address = { group: rg, incarnation: toIncarnation(1), fromMember: toMemberId(2), toMember: nextMember };
  const invite = { type: "invite", ...address, isWitness: true, lostIn: null } as const;
  cluster.member(witness).host.deliver(peerInput(n2, invite));
  cluster.until(() => !cluster.members.has(witness));
  cluster.stop(n2);
  cluster.start(witness);
  cluster.start(n1);
  cluster.ask(n7, get("k"), "failed", 10_000);
  cluster.start(n2);
  assert.equal(textIn(cluster.ask(n7, get("k"), "get", 15_000)), "n2 alone");
});

test("an owner that loses its power while it leaves knows afterwards for whom it has voted", () => {
  const cluster = new Cluster(shape);
  cluster.ask(n7, put("k", "v"), "put");
  cluster.advance(1_000);
  const disk = cluster.disks.get(n3) as Disk;
  const voted = () => disk.table.find(({ group }) => group === rg);
  const before = voted();
  losePowerWhileLeaving(cluster, n3);
  cluster.ask(n7, setOwners(n1, n2, n4), "setOwners", 20_000);
  cluster.until(() => !cluster.members.has(n3), 20_000);
  assert.deepEqual([voted()?.term, voted()?.vote], [before?.term, before?.vote]);
  cluster.start(n3);
  cluster.until(() => voted() === undefined, 20_000);
});

test("an invitation into an earlier incarnation takes nothing from a node that was invited into a later one", () => {
  const cluster = new Cluster(shape);
  cluster.leader();
  const invite = (incarnation: number, member: number): PeerMessage => {
    const address = { group: rg, incarnation: toIncarnation(incarnation), fromMember: toMemberId(1) };
    return { type: "invite", ...address, toMember: toMemberId(member), isWitness: false, lostIn: null };
  };
  cluster.member(n5).host.deliver(peerInput(n1, invite(2, 2)));
  cluster.advance(10);
  cluster.member(n5).host.deliver(peerInput(n1, invite(1, 9)));
  cluster.advance(10);
  assert.equal(cluster.member(n5).machine.group(rg)?.replica.key.incarnation, toIncarnation(2));
});

/** As which members of the group a message speaks. */
function spokenAs(message: PeerMessage): readonly number[] {
  const said = message.type === "raft" ? [message] : message.type === "beatEcho" ? message.groups : [];
  return said.filter(({ group }) => group === rg).map(({ fromMember }) => fromMember);
}

test("an owner that was away while another left and came back as a new member answers that one as its manager", () => {
  const four: Shape = { nodes, groups: { rg: [n2, n1, n3, n4] }, voters: [n5, n6, n7] };
  const cluster = new Cluster(four);
  cluster.ask(n7, put("k", "v"), "put", 10_000);
  cluster.stop(n3);
  cluster.ask(n7, setOwners(n1, n3, n4), "setOwners", 20_000);
  cluster.ask(n7, setOwners(n2, n1, n3, n4), "setOwners", 20_000);
  cluster.until(() => statusOf(cluster, n2).manager === n2, 60_000);
  cluster.start(n3);
  const isBroughtUp = () =>
    statusOf(cluster, n2).replicas.some(({ node, state }) => node === n3 && state === "replicate");
  cluster.until(isBroughtUp, 10_000);
});

test("an owner with a change that nobody else has follows a manager to whom that change gives another number", () => {
  const cluster = new Cluster(shape);
  cluster.until(() => statusOf(cluster, n2).manager === n1, 15_000);
  for (const other of [n2, n3, n4]) cluster.cut(n1, other);
  cluster.member(n1).call(setOwners(n1, n2, n3, n5, n4), 1_000);
  cluster.until(() => [n2, n3].includes(statusOf(cluster, n2).manager as NodeId), 15_000);
  cluster.ask(n2, setOwners(n4, n1, n2, n3), "setOwners", 20_000);
  cluster.until(() => statusOf(cluster, n4).manager === n4, 60_000);
  cluster.heal();
  const isBack = () => statusOf(cluster, n4).replicas.some(({ node, state }) => node === n1 && state === "replicate");
  cluster.until(isBack, 10_000);
});
