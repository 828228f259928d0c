// Where a group's application would end up, by the rules that decide about it (D6): they are asked again and again, as if what the
// neighbours say were all that a ledger goes by, every agent did what it is told, and nothing else happened but what is supposed.

import { type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import type { RecoveryStatus, StatusComponent } from "../../proto/model.ts";
import type { Placement } from "../../proto/placement.ts";
import { objectionOf } from "./candidate-factors.ts";
import { nextEpoch } from "./placement-facts.ts";
import { decidePlacement } from "./placement-plan.ts";
import { intentAfter } from "./placement-record.ts";
import type { Decided } from "./placement-steps.ts";
import type { FenceView, PlacementStep, PlacementView, ReservationAnswer } from "./placement-view.ts";

/** A move takes six steps; each time that passes in between is one more. */
const stepsForeseen = 24;

/** Who has the application in the end; null: nobody, or it is in error. */
export function destinationOf(view: PlacementView): NodeId | null {
  return placeOf(foresee(view, () => false).view);
}

/** The group at some time to come, and the steps on its way there, the first of them first. */
interface Foreseen {
  readonly view: PlacementView;
  readonly steps: readonly PlacementStep[];
}

/** Until then, or until nothing more happens: the last step says why not. */
export function foresee(view: PlacementView, isEnd: (then: PlacementView) => boolean): Foreseen {
  const steps: PlacementStep[] = [];
  let now = obeyed(view);
  while (steps.length < stepsForeseen && !isEnd(now)) {
    const decided = decidePlacement(now);
    steps.push(decided.step);
    const then = afterStep(now, decided);
    if (then === null) break;
    now = obeyed(then);
  }
  return { view: now, steps };
}

/** Where it is now; null: nowhere, or in error. */
export function placeOf({ ownership: { currentOwner, state } }: PlacementView): NodeId | null {
  return state === "error" ? null : currentOwner;
}

/** As it is at that moment if nothing else happens; an owner whose agent is heard renews its right. */
export function later(view: PlacementView, nowMs: Millis): PlacementView {
  const passed = Math.max(0, nowMs - view.nowMs);
  const { currentOwner } = view.ownership;
  const isRenewed = currentOwner !== null && view.agents.has(currentOwner) && view.rightEndsMs !== null;
  return {
    ...view,
    nowMs: toMillis(view.nowMs + passed),
    wallMs: view.wallMs + passed,
    rightEndsMs: isRenewed ? toMillis((view.rightEndsMs ?? 0) + passed) : view.rightEndsMs,
  };
}

/** As if the node had failed, and its right were over. */
export function withoutNode(view: PlacementView, node: NodeId): PlacementView {
  const agents = new Set([...view.agents].filter((each) => each !== node));
  const isOwner = view.ownership.currentOwner === node;
  const lost = { ...withStatus(view, node, "down"), agents };
  return isOwner ? { ...lost, report: null, rightEndsMs: view.nowMs } : lost;
}

/** As if it were up, and had just come up unless it was up before. */
export function withNode(view: PlacementView, node: NodeId): PlacementView {
  return {
    ...withStatus(view, node, "up"),
    agents: new Set([...view.agents, node]),
    leavingAgents: new Set([...view.leavingAgents].filter((each) => each !== node)),
    upSinceMs: new Map([[node, view.nowMs], ...view.upSinceMs]),
  };
}

export function withStatus(view: PlacementView, node: NodeId, status: RecoveryStatus): PlacementView {
  const known = view.verdicts.find((verdict) => verdict.node === node) ?? view.verdicts[0];
  if (known === undefined) return view;
  const verdict: StatusComponent = { ...known, node, status, reason: "" };
  return { ...view, verdicts: [...view.verdicts.filter((each) => each.node !== node), verdict] };
}

export function withPlacement(view: PlacementView, placement: Partial<Placement>): PlacementView {
  return { ...view, placement: { ...view.placement, ...placement } };
}

function obeyed(view: PlacementView): PlacementView {
  const { currentOwner, state } = view.ownership;
  if (currentOwner === null || !view.agents.has(currentOwner) || view.report?.state === "error") return view;
  if (state === "releasing")
    return { ...view, report: { state: "offline", resource: "", reason: "", isStopped: false } };
  if (state === "acquiring")
    return { ...view, report: { state: "online", resource: "", reason: "", isStopped: false } };
  return view;
}

/** null: nothing more happens. */
function afterStep(view: PlacementView, { rule, step }: Decided): PlacementView | null {
  switch (step.type) {
    case "fence":
      return fenced(view, step);
    case "wait":
      if (rule === "fence" && view.fence?.type === "ordered") return fenced(view, view.fence);
      return step.untilMs === null || step.untilMs <= view.nowMs ? null : later(view, step.untilMs);
    case "reserve":
      return { ...view, reservations: new Map([...view.reservations, [step.node, answerOf(view, step.node)]]) };
    case "assign":
      return settled(view, step);
    case "advance":
      return advanced(view, step);
    case "fail":
      return afterFailure(view, step);
  }
}

function fenced(view: PlacementView, { node, by }: Pick<FenceView, "node" | "by">): PlacementView {
  return { ...view, fence: { type: "done", node, by } };
}

function answerOf(view: PlacementView, node: NodeId): ReservationAnswer {
  const reason = objectionOf(view, node);
  return reason === null ? { type: "admitted", epoch: nextEpoch(view) } : { type: "wouldRefuse", reason };
}

type Step<Type extends PlacementStep["type"]> = Extract<PlacementStep, { readonly type: Type }>;

function settled(view: PlacementView, step: Step<"assign">): PlacementView {
  const { lease } = view.policies;
  const rightEndsMs = lease.isEndless ? null : toMillis(view.nowMs + lease.ttlMs * (1 + lease.clockRateError));
  const { owner: currentOwner, reason } = step;
  const ownership = { currentOwner, epoch: nextEpoch(view), state: "acquiring", reason } as const;
  const then = { ...view, ownership, rightEndsMs, report: null, fence: null };
  return withPlacement(then, { intent: intentAfter(view.placement, view.ownership, step), move: null, target: null });
}

function advanced(view: PlacementView, { owner, to, state, reason }: Step<"advance">): PlacementView {
  const report = owner === null || state === "releasing" ? null : view.report;
  const then = { ...view, report, ownership: { ...view.ownership, currentOwner: owner, state, reason } };
  return state === "releasing" ? withPlacement(then, { target: to }) : then;
}

function afterFailure(view: PlacementView, { node, resource, reason, isFinal }: Step<"fail">): PlacementView {
  const error = { node, resource, reason, atMs: view.wallMs };
  const then = withPlacement(view, { bans: [...view.placement.bans, error], move: null });
  if (!isFinal) return then;
  return withPlacement({ ...then, ownership: { ...view.ownership, state: "error", reason } }, { error });
}
