// Owners of groups are replaced, added, removed and put in another order, while everything else goes on, and whatever else
// befalls the nodes. A change that has begun may need the end of the other faults to come to its own.

import { type GroupId, type LogIndex, type NodeId, toLogIndex } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { Reply } from "../../../proto/requests.ts";
import type { Memberships } from "../checkers/memberships.ts";
import type { ChurnOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import { type Fault, recurring } from "./fault.ts";

export interface ChurnPlace {
  readonly world: World;
  readonly memberships: Memberships;
  readonly groups: readonly GroupId[];
  readonly random: Random;
}

/** A change is several commits, one after the other. */
export const changeBudgetMs = 10_000;
/** Before another node is asked. */
const pauseMs = 200;
/** Of a group that a change makes larger. */
const ownersMax = 7;
/** Share of the requests that name the membership which they want to change. */
const conditionalProbability = 0.2;
/** Refusals of a group that was reached and knows what it is asked for. */
const refusals: ReadonlySet<string> = new Set(["overloaded", "condition_failed", "invalid_argument"]);

/** A change under way when it is healed is for its group to finish. */
export function churn(place: ChurnPlace, { meanMs, ownersMax: most }: ChurnOptions): Fault {
  const { world, memberships, groups, random } = place;
  const all = world.nodes.map(({ node }) => node);
  let struck = 0;
  let isHealed = false;
  /** Of somebody who wants it done: whoever does not know the group's manager is asked no more, and another node is. */
  const ask = (wanted: Wanted, untilMs: number) => {
    const running = world.nodes.filter((node) => node.isRunning);
    if (isHealed || running.length === 0 || world.nowMs >= untilMs) return;
    const ended = (reply: Reply | null) => {
      if (isRefusal(reply) || memberships.newest(wanted.group, () => true).index > wanted.index) struck += 1;
      else if (reply?.type !== "setOwners") world.scheduler.after(pauseMs, () => ask(wanted, untilMs));
    };
    const caller = { reply: ended, watch: () => {}, lost: () => ended(null) };
    const { group, owners, ifIndex } = wanted;
    const request = { type: "setOwners", group, owners, ifIndex, validateOnly: false } as const;
    random.pick(running).call(request, untilMs - world.nowMs, caller);
  };
  const strike = () => {
    const group = random.pick(groups);
    const { index, value } = memberships.newest(group, () => true);
    const owners = changedOwners(value.owners, all, { random, most });
    const ifIndex = random.chance(conditionalProbability) ? toLogIndex(index) : null;
    ask({ group, owners, ifIndex, index }, world.nowMs + changeBudgetMs);
    return 1;
  };
  const undo = () => {
    isHealed = true;
  };
  return recurring("churn", { scheduler: world.scheduler, random, meanMs }, { strike, undo, count: () => struck });
}

/** A change, and where the group stood when it was thought of. */
interface Wanted {
  readonly group: GroupId;
  readonly owners: readonly NodeId[];
  readonly ifIndex: LogIndex | null;
  readonly index: number;
}

function isRefusal(reply: Reply | null): boolean {
  return reply?.type === "failed" && refusals.has(reply.failure.code);
}

interface Draw {
  readonly random: Random;
  /** Owners that come or go, up to this. */
  readonly most: number;
}

/** Another list than `owners`, where the cluster has one. */
function changedOwners(owners: readonly NodeId[], all: readonly NodeId[], { random, most }: Draw): readonly NodeId[] {
  const others = random.shuffle(all.filter((node) => !owners.includes(node)));
  const count = random.between(1, most);
  const room = Math.max(0, ownersMax - owners.length);
  switch (random.pick(["replace", "replace", "add", "remove", "reorder"] as const)) {
    case "replace": {
      const leaving = random.shuffle(owners).slice(0, Math.min(count, others.length));
      return owners.map((owner) => (leaving.includes(owner) ? (others.pop() ?? owner) : owner));
    }
    case "add":
      return random.shuffle([...owners, ...others.slice(0, Math.min(count, room))]);
    case "remove": {
      const leaving = random.shuffle(owners).slice(0, Math.min(count, owners.length - 1));
      return owners.filter((owner) => !leaving.includes(owner));
    }
    case "reorder":
      return random.shuffle(owners);
  }
}
