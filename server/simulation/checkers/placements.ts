// Liveness of ownership: every group that has a quorum and an owner that can take its application has exactly one that runs it,
// within a bounded time, and it stays so.

import type { GroupId, NodeId } from "../../../proto/ids.ts";
import { electionBoundMs, type GroupPolicies } from "../../../proto/policies.ts";
import { limits } from "../../node/limits.ts";
import type { IsWell } from "../core.ts";
import type { Testbed } from "../testbed.ts";
import { Violation } from "../violation.ts";
import type { Agents } from "../workload/agents.ts";
import type { OwnershipChecker } from "./ownership.ts";
import { ask } from "./timeline-reader.ts";

const stepMs = 200;
const decisionsTold = 6;
/** For forwarding, for the ledger, for what waits for its turn. */
const slackMs = 6_000;

interface Scene {
  readonly testbed: Testbed;
  readonly agents: Agents;
  readonly ownership: OwnershipChecker;
  readonly isWell: IsWell;
}

/** Operators want everything to run, and nothing befalls anybody any more. */
export function settleOwnership(testbed: Testbed, isWell: IsWell): void {
  const { world, agents, ownership } = testbed;
  if (agents === null || ownership === null) return;
  const scene: Scene = { testbed, agents, ownership, isWell };
  const { boundMs, stayMs } = timesOf(testbed);
  const untilMs = world.nowMs + boundMs + stayMs;
  let sinceMs = world.nowMs;
  let before = "";
  for (;;) {
    const places = placesOf(scene);
    const now = places.missing ?? places.text;
    if (places.missing !== null || now !== before) sinceMs = world.nowMs;
    before = now;
    if (world.nowMs >= sinceMs + stayMs) return;
    if (world.nowMs >= untilMs) {
      const text = places.missing ?? `It moves on: ${now}`;
      const group = places.group ?? mostMoved(scene);
      throw new Violation("liveness", "ownership", `${text}. ${group}: ${explanationOf(scene, group)}`);
    }
    world.runFor(stepMs);
  }
}

/** TTL(1 + rho), two elections, a start, and what the policies of the groups let it wait for. */
function timesOf({ options, policiesOf }: Testbed): { readonly boundMs: number; readonly stayMs: number } {
  const all = [...options.topology.groups.keys()].map(policiesOf);
  const most = (of: (policies: GroupPolicies) => number) => Math.max(...all.map(of));
  const rightMs = most(({ lease }) => lease.ttlMs * (1 + lease.clockRateError));
  const silentMs = Math.max(limits.agentSilentMs, limits.agentMissesMax * most(({ lease }) => lease.renewIntervalMs));
  const waitMs = most(({ settlingMs, fallback }) => settlingMs + (fallback.type === "delayed" ? fallback.delayMs : 0));
  const stopMs = most(({ lease }) => lease.stopBudgetMs);
  // It is tried by one owner after the other, and the last fence may have been ordered just before.
  const fenceMs = most(({ fence }) =>
    fence === null ? 0 : 2 * (fence.timeoutMs + limits.fenceWayMs + limits.fencePauseMs),
  );
  // A place that was promised to another group is free again when nobody has begun there.
  const boundMs =
    rightMs + 2 * electionBoundMs + silentMs + waitMs + 2 * stopMs + fenceMs + limits.reservationMs + slackMs;
  return { boundMs, stayMs: rightMs };
}

/** What the group says of itself. */
function explanationOf({ testbed: { world }, isWell }: Scene, group: GroupId): string {
  const node = world.nodes.find((each) => each.isRunning && isWell(each.node));
  if (node === undefined) return "nobody is there to say why";
  const reply = ask(world, node, { type: "explainGroup", group, decisions: decisionsTold });
  if (reply?.type !== "explainGroup") return JSON.stringify(reply);
  const { summary, decisions } = reply.explanation;
  return [summary, ...decisions.map(({ from, to, reason }) => `${from} -> ${to}: ${reason}`)].join("; ");
}

/** Of those that run somewhere. */
function mostMoved({ testbed, ownership }: Scene): GroupId {
  const epochOf = (group: GroupId) => Math.max(0, ...ownership.running(group).map(({ epoch }) => epoch));
  const groups = [...testbed.options.topology.groups.keys()];
  return groups.reduce((most, group) => (epochOf(group) > epochOf(most) ? group : most));
}

interface Places {
  /** Of which something is missing. */
  readonly group: GroupId | null;
  /** Who runs each group. */
  readonly text: string;
  /** The first thing that is not as it should be. */
  readonly missing: string | null;
}

function placesOf(scene: Scene): Places {
  const { testbed, ownership } = scene;
  const groups = [...testbed.options.topology.groups.keys()];
  const texts: string[] = [];
  for (const group of groups) {
    const missing = isDemanded(scene, group) ? groupMissing(scene, group) : null;
    if (missing !== null) return { group, text: "", missing };
    texts.push(`${group} ${ownership.running(group).map(({ node, epoch }) => `${node}/${epoch}`)}`);
  }
  return { group: null, text: texts.join(", "), missing: null };
}

/** It has a quorum, and so has every group by whose place it goes; and where they go together they can. */
function isDemanded({ testbed, isWell }: Scene, group: GroupId): boolean {
  const { memberships, atlas, policiesOf, options } = testbed;
  const related = [...options.topology.groups.keys()].filter((other) => {
    const [own, theirs] = [policiesOf(group), policiesOf(other)];
    return (
      other === group ||
      [...own.sameNode, ...own.differentNode].includes(other) ||
      [...theirs.sameNode, ...theirs.differentNode].includes(group)
    );
  });
  const isServed = (each: GroupId) => {
    const isThere = (node: NodeId) => isWell(node) && atlas.counts(node, each);
    return memberships.hasQuorum(each, isThere) && memberships.isListed(each, isWell);
  };
  const isTogether = (other: GroupId) =>
    policiesOf(group).sameNode.includes(other) || policiesOf(other).sameNode.includes(group);
  const own = memberships.newest(group, isWell).value.owners;
  const isPossible = (other: GroupId) => memberships.newest(other, isWell).value.owners.some((it) => own.includes(it));
  return related.every((other) => isServed(other) && (!isTogether(other) || isPossible(other)));
}

function groupMissing(scene: Scene, group: GroupId): string | null {
  const { ownership, isWell } = scene;
  const running = ownership.running(group);
  const [first] = running;
  if (running.length > 1) return `${group} runs on ${running.map(({ node }) => node)}`;
  const eligible = ownersOf(scene, group).find((node) => isEligible(scene, group, node));
  if (first === undefined) return eligible === undefined ? null : `Nobody runs ${group}, and ${eligible} could`;
  // A node that is no longer an owner keeps it until an owner can take it.
  const isPlaced = eligible === undefined || ownersOf(scene, group).includes(first.node);
  const isRight = isWell(first.node) && isPlaced && first.phase === "online";
  return isRight ? apartFrom(scene, group, first.node) : `${group} is ${first.phase} on ${first.node}`;
}

/** While the other one runs nowhere there is nothing to follow. */
function apartFrom(scene: Scene, group: GroupId, node: NodeId): string | null {
  const others = followedBy(scene, group).flatMap((other) => scene.ownership.running(other));
  const apart = others.find((other) => other.node !== node);
  return apart === undefined
    ? null
    : `${group} runs on ${node}, and ${apart.group}, which it follows, on ${apart.node}`;
}

/** Of two that follow each other the one with the smaller name goes where it likes. */
function followedBy({ testbed: { policiesOf } }: Scene, group: GroupId): readonly GroupId[] {
  return policiesOf(group).sameNode.filter((other) => !(policiesOf(other).sameNode.includes(group) && group < other));
}

function ownersOf({ testbed, isWell }: Scene, group: GroupId): readonly NodeId[] {
  return testbed.memberships.newest(group, isWell).value.owners;
}

function isEligible(scene: Scene, group: GroupId, node: NodeId): boolean {
  const { testbed, agents, ownership, isWell } = scene;
  if (!isWell(node) || !agents.isAlive(node) || !testbed.atlas.counts(node, group)) return false;
  const { policiesOf } = testbed;
  const others = ownership.runningOn(node).filter((other) => other.group !== group);
  const isStranger = (other: GroupId) =>
    policiesOf(group).differentNode.includes(other) || policiesOf(other).differentNode.includes(group);
  if (others.some((other) => isStranger(other.group))) return false;
  if (!followedBy(scene, group).every((other) => ownership.running(other).some((each) => each.node === node)))
    return false;
  return [...testbed.capacityOf(node)].every(([dimension, amount]) => {
    const used = [group, ...others.map((other) => other.group)].map((each) => policiesOf(each).demand.get(dimension));
    return used.reduce<number>((sum, each) => sum + (each ?? 0), 0) <= amount;
  });
}
