// Leases that nobody renews end although the leaders change, one after the other: each leader stands still, first for ten times
// a lease's time, and goes on when another one leads.

import type { GroupId, NodeId } from "../../proto/ids.ts";
import { limits } from "../node/limits.ts";
import { ask } from "./checkers/timeline-reader.ts";
import type { Testbed } from "./testbed.ts";
import type { Topology } from "./topology.ts";
import { Violation } from "./violation.ts";
import type { HeldLease } from "./workload/leases.ts";

const ttlMs = 3_000;
const firstPauseMs = 10_000;
const pauseMs = 2_000;
/** Of the whole time of a lease: for a leader to write down what is left, which it does after half of it. */
const ledShare = 0.7;
const roundsMax = 6;
const leaderMsMax = 15_000;
/** What a leader waits beyond a lease's time, by the slowest clock, and for what holds the end up. */
const endMarginShare = 0.1;
const endSlackMs = 10_000;

/** Nobody renews any lease. All nodes run, and every group has a quorum. */
export function tryLeases(testbed: Testbed): void {
  endByPauses(testbed);
  endAll(testbed);
}

function endByPauses(testbed: Testbed): void {
  const { options, leases, world, random } = testbed;
  const ledMs = ledShare * ttlMs * (1 + clockRateErrorOf(options.topology));
  const granted: HeldLease[] = [];
  for (const group of options.topology.groups.keys()) {
    const lease = leases.abandon(group, ttlMs, random.fork(), (isGranted) => {
      if (isGranted) granted.push(lease);
    });
  }
  world.runFor(ledMs);
  for (let round = 0; round < roundsMax; round++) {
    if (!granted.some((lease) => exists(testbed, lease))) return;
    changeLeaders(testbed, round === 0 ? firstPauseMs : pauseMs);
    world.runFor(ledMs);
  }
  const left = granted.find((lease) => exists(testbed, lease));
  if (left === undefined) return;
  throw new Violation("liveness", "leases", `Nobody renews lease ${left.id} of ${left.group}, and it does not end`);
}

/** A leader waits so much longer, as a share, than a lease lasts. */
function clockRateErrorOf({ bootstrap }: Topology): number {
  return Math.max(bootstrap.leaseRead?.clockRateErrorMax ?? 0, limits.leaseClockRateErrorMin);
}

function endAll({ options, world }: Testbed): void {
  const groups = [...options.topology.groups.keys()];
  const marginShare = Math.max(endMarginShare, clockRateErrorOf(options.topology));
  const untilMs = world.nowMs + options.workload.leaseTtlMsMax * (1 + marginShare) + endSlackMs;
  const isEmpty = (group: GroupId) => {
    const request = { type: "listLeases", group, after: 0, limit: 1 } as const;
    const reply = ask(world, world.node(options.topology.nodes[0] as NodeId), request);
    return reply?.type === "listLeases" && reply.leases.length === 0;
  };
  let full = groups;
  while (full.length > 0 && world.nowMs < untilMs) {
    world.runFor(500);
    full = full.filter((group) => !isEmpty(group));
  }
  if (full.length > 0) throw new Violation("liveness", "leases", `Leases of ${full} that nobody renews do not end`);
}

function changeLeaders({ options, world }: Testbed, forMs: number): void {
  const groups = [...options.topology.groups.keys()];
  for (const group of groups) for (const node of world.leaders.of(group)) world.node(node).pause(forMs);
  world.runFor(pauseMs);
  const untilMs = world.nowMs + forMs + leaderMsMax;
  const isLed = (group: GroupId) => world.leaders.of(group).some((node) => !world.node(node).isPaused);
  while (!groups.every(isLed) && world.nowMs < untilMs) world.runFor(100);
}

function exists({ world }: Testbed, { group, id }: HeldLease): boolean {
  const awake = world.nodes.find((node) => node.isRunning && !node.isPaused);
  const reply = awake === undefined ? null : ask(world, awake, { type: "getLease", group, id, keys: false });
  return reply?.type !== "failed" || reply.failure.code !== "not_found";
}
