// To which groups it may matter that a group around them tells something else of itself. The others need not look at where they
// run: a node with many groups would look for each of them whenever one moves. Nothing rests on it, for a manager that waits
// looks again as its agents' words grow old.

import type { GroupId } from "../../proto/ids.ts";
import type { GroupPolicies } from "../../proto/policies.ts";
import { amountsText } from "./amounts.ts";
import { placeOf } from "./capacity.ts";
import type { Neighbour, PlacementView } from "./placement-view.ts";

/** What a group told of itself before, and what it tells now. */
export interface NeighbourNews {
  readonly before: Neighbour;
  readonly now: Neighbour;
}

/** Whether these news may change where that group runs, or whether it does. */
export function concerns({ group, policies }: Pick<PlacementView, "group" | "policies">, news: NeighbourNews): boolean {
  const told = [news.before, news.now];
  if (told.some((each) => names(policies, each.group) || names(each.policies, group))) return true;
  return weighsOthers(policies) && isUseChanged(news);
}

/** A rule of the one is about the other. */
function names({ sameNode, differentNode, dependencies }: GroupPolicies, group: GroupId): boolean {
  return (
    sameNode.includes(group) || differentNode.includes(group) || dependencies.some((needed) => needed.group === group)
  );
}

/** Where it runs, or whether it does, depends on what others use of nodes, or on how many run there. */
function weighsOthers({ demand, startup, fallover }: GroupPolicies): boolean {
  const isByOthers = startup === "balanced" || fallover === "mostFreeCapacity";
  return isByOthers || demand.size > 0;
}

function isUseChanged({ before, now }: NeighbourNews): boolean {
  return placeOf(before) !== placeOf(now) || amountsText(before.policies.demand) !== amountsText(now.policies.demand);
}
