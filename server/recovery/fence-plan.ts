// When the node of a lost owner is fenced, and by whom (D2). A fence is ordered when its success would bring the application to
// another owner: else nothing is gained by it.

import type { NodeId } from "../../proto/ids.ts";
import { earliestMs, statusOf } from "./placement-facts.ts";
import { planStart } from "./placement-start.ts";
import { type Decided, wait } from "./placement-steps.ts";
import type { PlacementView } from "./placement-view.ts";
import { reasonText } from "./reason.ts";

/** What shortens the wait for the right of an owner that is lost; null: nothing does. @param loss why it is lost */
export function planFence(view: PlacementView, owner: NodeId, loss: string): Decided | null {
  const { fence, rightEndsMs, nowMs } = view;
  if (fence?.type === "ordered") {
    return wait("fence", `${loss}: ${fence.by} is fencing it`, earliestMs([fence.untilMs, rightEndsMs]));
  }
  if (!isWanted(view, owner)) return null;
  const failure = fence?.type === "failed" ? `${fence.by} could not fence it (${fence.reason})` : null;
  if (fence?.type === "failed" && nowMs < fence.againMs) {
    return wait("fence", `${loss}: ${failure}${unlessEnded(view)}`, earliestMs([fence.againMs, rightEndsMs]));
  }
  const by = nextBy(view, owner);
  if (by === null) return null;
  const before = failure === null ? "" : `${failure}: `;
  return {
    rule: "fence",
    step: { type: "fence", node: owner, by, reason: reasonText(`${loss}: ${before}${by} fences it`) },
  };
}

/** Of a right without end, what else would end it. */
export function unlessEnded({ group, placement }: PlacementView): string {
  if (placement.lease?.isEndless !== true) return "";
  return `; by lostQuorum freeze it waits, also for: group unfreeze ${group} --confirmed-only-on NODE`;
}

function isWanted(view: PlacementView, owner: NodeId): boolean {
  if (view.policies.fence === null || statusOf(view, owner) !== "down") return false;
  const { step } = planStart({ ...view, fence: { type: "done", by: owner, node: owner } });
  return step.type === "reserve" || step.type === "assign";
}

/** Of the owners whose agent is heard the one behind the last, in order of precedence, that could not. */
function nextBy({ owners, agents, leavingAgents, fence }: PlacementView, owner: NodeId): NodeId | null {
  const able = owners.filter((node) => node !== owner && agents.has(node) && !leavingAgents.has(node));
  const last = fence === null ? -1 : owners.indexOf(fence.by);
  return able.find((node) => owners.indexOf(node) > last) ?? able[0] ?? null;
}
