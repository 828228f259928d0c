// Where a group's application runs, as the group's manager looks after it: hears the agents of the owners, renews the right of
// the current one, asks the ledgers of nodes before it assigns, and proposes one step at a time (server/recovery decides which).
// Only what the log says counts; the next manager goes on from there, and from its own first commit on.

import { assert } from "../../proto/assert.ts";
import type { GroupCommand } from "../../proto/commands.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import {
  type BootNumber,
  type Epoch,
  type LogIndex,
  type Millis,
  type NodeId,
  type Term,
  toEpoch,
  toMillis,
} from "../../proto/ids.ts";
import type { GroupObject } from "../../proto/model.ts";
import type { Explanation, FenceOrder, GroupReport, GroupWish, PerformanceSample } from "../../proto/placement.ts";
import type { Amounts, GroupPolicies } from "../../proto/policies.ts";
import type { GroupStatus, Reply, Request } from "../../proto/requests.ts";
import { heldBack, startsToNote } from "../recovery/cold-start.ts";
import { foreseeAdvice, foreseeDrain } from "../recovery/drain-foresight.ts";
import { explain, explainAdvice } from "../recovery/explanation.ts";
import { Fencing } from "../recovery/fencing.ts";
import { grantFor } from "../recovery/grants.ts";
import { isThere } from "../recovery/intents.ts";
import { leavingOwners } from "../recovery/members.ts";
import { minimumLacks } from "../recovery/minimum.ts";
import { groupsFollowed, stopAwaits } from "../recovery/neighbour-rules.ts";
import { OwnerRights } from "../recovery/owner-rights.ts";
import { planPlacement } from "../recovery/placement-plan.ts";
import { isStartable } from "../recovery/placement-start.ts";
import type {
  Neighbour,
  OwnerReport,
  PlacementStep,
  PlacementView,
  ReservationAnswer,
} from "../recovery/placement-view.ts";
import type { Call } from "./calls.ts";
import { failed, type GroupReplica, headerOf, type PlacementRead, type RenewRequest } from "./group-replies.ts";
import { limits } from "./limits.ts";
import { earliest, isDue } from "./millis.ts";
import { type World, wallMs } from "./world.ts";

/** What is known beside the group of the nodes and groups around it. */
export interface PlacementSurroundings {
  /** Groups that share an owner with this one. */
  readonly neighboursOf: (group: GroupObject) => readonly Neighbour[];
  /** What is configured of a node. */
  readonly capacityOf: (node: NodeId) => Amounts;
  /** In which start a node is, as far as this one is in touch with it. */
  readonly startOf: (node: NodeId) => BootNumber | null;
  /** What the agent of a node measured last, if that is fresh. */
  readonly sampleOf: (node: NodeId, nowMs: Millis) => PerformanceSample | null;
}

export interface KeeperOwner {
  /** Asks a node, on behalf of the group. */
  readonly ask: (request: Request, answer: (reply: Reply) => void) => void;
  /** Something has changed on which the next step depends. */
  readonly wake: () => void;
  /** The owner list that is about to be put in force; null: there is none. */
  readonly askedOwners: () => readonly NodeId[] | null;
  /** Why the members are not as owners and policy ask for; empty: they are, or will be. */
  readonly hindrance: () => string;
}

/** What an owner's agent said last. */
interface Heard {
  readonly report: GroupReport;
  readonly isLeaving: boolean;
  readonly atMs: Millis;
}

interface Answered {
  readonly answer: ReservationAnswer;
  /** null: in this very step. */
  atMs: Millis | null;
}

/** As a manager: whatever it knew before is worth nothing. */
class Tenure {
  readonly rights = new OwnerRights();
  readonly fencing: Fencing;
  sinceMs: Millis | null = null;
  /** Since when it looks after a right at all. */
  leasedSinceMs: Millis | null = null;
  /** Until then agents have time to be heard for the first time. */
  gatheringMs: Millis | null = null;
  startableSinceMs: Millis | null = null;
  /** The latest decision on record, and since when it is known here. */
  decided: { readonly index: LogIndex | null; readonly sinceMs: Millis } | null = null;
  /** The newest epoch, and since when it is known here. */
  newest: { readonly epoch: Epoch; readonly sinceMs: Millis } | null = null;
  readonly heard = new Map<NodeId, Heard>();
  readonly upSinceMs = new Map<NodeId, Millis>();
  readonly answered = new Map<NodeId, Answered>();
  readonly asking = new Set<NodeId>();
  wakeMs: Millis | null = null;

  /** @param identity of the group and the manager */
  constructor(identity: string) {
    this.fencing = new Fencing({ identity, pauseMs: limits.fencePauseMs, wayMs: limits.fenceWayMs });
  }
}

type Step<Type extends PlacementStep["type"]> = Extract<PlacementStep, { readonly type: Type }>;

export class PlacementKeeper {
  readonly #world: World;
  readonly #replica: GroupReplica;
  readonly #owner: KeeperOwner;
  readonly #surroundings: PlacementSurroundings;
  /** null: this member does not lead. */
  #tenure: Tenure | null = null;
  #nowMs: Millis = toMillis(0);

  constructor(world: World, replica: GroupReplica, owner: KeeperOwner, surroundings: PlacementSurroundings) {
    this.#world = world;
    this.#replica = replica;
    this.#owner = owner;
    this.#surroundings = surroundings;
  }

  lead(): void {
    this.#tenure = this.#newTenure();
  }

  #newTenure(): Tenure {
    const { key, term } = this.#replica;
    return new Tenure(`${key.incarnation}/${term}`);
  }

  resign(): void {
    this.#tenure = null;
  }

  /** With the first entry of its own term the manager knows all that was committed before. */
  entryApplied(term: Term, nowMs: Millis): void {
    const tenure = this.#tenure;
    if (tenure === null || term !== this.#replica.term) return;
    if (tenure.sinceMs === null) {
      tenure.sinceMs = nowMs;
      tenure.rights.begin(nowMs);
      this.#owner.wake();
    }
    const { epoch } = this.#replica.state.ownership;
    tenure.rights.assigned(epoch, nowMs);
    if (tenure.newest?.epoch !== epoch) tenure.newest = { epoch, sinceMs: nowMs };
    this.#noteStop(tenure);
    this.#noteDecision(tenure, nowMs);
    for (const node of tenure.heard.keys()) if (!this.#isConcerned(node)) tenure.heard.delete(node);
  }

  get policies(): GroupPolicies {
    return this.#replica.state.policies;
  }

  /** What the group asks of a node that is to run it. */
  get terms() {
    const { demand, differentNode } = this.policies;
    const { group } = this.#replica.key;
    const sameNode = groupsFollowed({ group, policies: this.policies, neighbours: this.#neighbours });
    return { ...this.#replica.key, demand, sameNode, differentNode };
  }

  /** Somebody may hold a right, or is to be given one; else the ownership is advice. */
  get isLeased(): boolean {
    return this.#replica.state.isLeased;
  }

  /** What agents say of the group's resources, where this member leads, and what the minimum lacks, as far as it knows. */
  status(nowMs: Millis): Pick<GroupStatus, "resources" | "minimumMissing"> {
    const hasMinimum = !isNothing(this.policies.minimum);
    const minimumMissing = hasMinimum ? minimumLacks(this.#view(() => false, nowMs)) : [];
    return { resources: this.#resources(nowMs), minimumMissing };
  }

  /** Of the agents that are there, by name and node. */
  #resources(nowMs: Millis): GroupStatus["resources"] {
    const heard = [...(this.#tenure?.heard ?? [])].filter(([, each]) => this.#isFresh(each, nowMs));
    return heard
      .flatMap(([node, { report }]) => report.resources.map((resource) => ({ ...resource, node })))
      .toSorted((left, right) => compareTexts(left.resource, right.resource) || compareTexts(left.node, right.node));
  }

  /** A word of an owner's agent has come. Whether its right is renewed is answered later, once this member is known to lead. */
  heard({ node, report, isLeaving }: RenewRequest, nowMs: Millis): void {
    const tenure = this.#tenure;
    if (tenure === null || !this.#isConcerned(node)) return;
    const before = tenure.heard.get(node);
    const now: Heard = { report, isLeaving, atMs: nowMs };
    tenure.heard.set(node, now);
    this.#noteStop(tenure);
    const isFenceNews = report.fence !== null && tenure.fencing.heard(node, report.fence, nowMs);
    if (isFenceNews || !isSameWord(before, now) || !this.#isFresh(before, nowMs)) this.#owner.wake();
  }

  /** What agents could not say to this node while it stood still is no silence of theirs, and who was being waited for is so for as long. */
  stoodStill(stillMs: number): void {
    const tenure = this.#tenure;
    if (tenure === null) return;
    for (const [node, each] of tenure.heard) tenure.heard.set(node, { ...each, atMs: toMillis(each.atMs + stillMs) });
    for (const since of ["sinceMs", "leasedSinceMs", "gatheringMs"] as const) {
      const atMs = tenure[since];
      if (atMs !== null) tenure[since] = toMillis(atMs + stillMs);
    }
  }

  /**
   * An agent that acts for nobody, of a node that nobody has chosen: whoever leads, there is nothing to confirm. Not so a fence: who
   * leads no more must not order any.
   */
  answersAtOnce({ node, report }: RenewRequest): boolean {
    const { currentOwner } = this.#replica.state.ownership;
    if (report.fence !== null || this.#fenceFor(node) !== null) return false;
    return report.state === "offline" && report.epoch === 0 && node !== currentOwner;
  }

  /** Of the present epoch's owner, by the agent of this node. */
  #fenceFor(node: NodeId): FenceOrder | null {
    const { currentOwner, epoch } = this.#replica.state.ownership;
    return currentOwner === null ? null : (this.#tenure?.fencing.orderFor(node, epoch) ?? null);
  }

  /**
   * Why an operator cannot confirm that the present owner runs nothing; null: nothing that is known here speaks against it. The
   * log has the last word on the rest.
   */
  refuseWish(wish: GroupWish, nowMs: Millis): Failure | null {
    this.#nowMs = nowMs;
    const { currentOwner } = this.#replica.state.ownership;
    if (wish.type !== "confirm" || currentOwner === null || currentOwner === wish.onlyOn) return null;
    const why = this.#againstConfirmation(currentOwner, nowMs);
    const { group } = this.#replica.key;
    return why === null ? null : failure("condition_failed", why, { group, node: currentOwner });
  }

  #againstConfirmation(owner: NodeId, nowMs: Millis): string | null {
    const { group } = this.#replica.key;
    const sinceMs = this.#tenure?.sinceMs ?? null;
    if (this.#isFresh(this.#tenure?.heard.get(owner), nowMs)) {
      return `The agent of ${owner} is heard, and may run ${group}: stop it, or move it`;
    }
    if (sinceMs !== null && nowMs >= sinceMs + this.#agentSilentMs) return null;
    return `The manager of ${group} has just begun, and listens ${this.#agentSilentMs} ms for the agent of ${owner}: ask again`;
  }

  /** What is confirmed is so for the epoch that there is when it is put into the log. */
  stamped(wish: GroupWish): GroupWish {
    if (wish.type !== "confirm") return wish;
    const { epoch } = this.#replica.state.ownership;
    return { ...wish, ifEpoch: wish.ifEpoch ?? epoch, atMs: wallMs(this.#world, this.#nowMs) };
  }

  #explain(view: PlacementView, decisionsMax: number): Explanation {
    const hindrance = this.#owner.hindrance();
    const { summary, ...rest } = (this.isLeased ? explain : explainAdvice)(view, decisionsMax);
    const ofMembers = hindrance === "" ? "" : `; its members are not as they are to be: ${hindrance}`;
    return { ...rest, summary: `${summary}${ofMembers}` };
  }

  /** This member led the group when it was asked, or later. */
  answer(call: Call, request: PlacementRead, nowMs: Millis): void {
    const { state } = this.#replica;
    const header = headerOf(state, this.#world.self, false);
    const view = () => this.#view(() => false, nowMs);
    if (request.type === "explainGroup") {
      const explanation = this.#explain(view(), request.decisions);
      return this.#world.calls.answer(call.key, { type: "explainGroup", header, explanation });
    }
    if (request.type === "foreseeDrain") {
      const { node, places } = request;
      const outlook = this.isLeased ? foreseeDrain(view(), node, places) : foreseeAdvice(view(), node);
      return this.#world.calls.answer(call.key, { type: "foreseeDrain", header, ...outlook });
    }
    const refusal = this.#refuseRenewal(request, nowMs);
    if (refusal !== null) return this.#world.calls.answer(call.key, failed(refusal));
    const grant = grantFor({
      group: state.object.group,
      node: request.node,
      ownership: state.ownership,
      lease: state.placement.lease,
      // Who waits for an operator is not to go on by itself.
      isOver:
        this.#isRightOver(nowMs) ||
        this.#tenure?.fencing.isOrdered(state.ownership.epoch) === true ||
        (!this.policies.startsAutomatically && heldBack(view()) !== null),
      fence: this.#fenceFor(request.node),
      isStopAwaited: state.ownership.state === "releasing" && stopAwaits(view()) !== null,
    });
    if (grant.isGranted && grant.ttlMs > 0) this.#tenure?.rights.answered(grant.epoch, nowMs);
    this.#world.calls.answer(call.key, { type: "renewOwnership", header, grant });
  }

  /** @returns what to propose now; null: nothing. @param awaited whether the manager still waits to hear from a node */
  decide(awaited: (node: NodeId) => boolean, nowMs: Millis): GroupCommand | null {
    const tenure = this.#tenure;
    this.#nowMs = nowMs;
    if (tenure !== null) tenure.wakeMs = null;
    if (tenure === null || tenure.sinceMs === null || this.#replica.state.lock !== null) return null;
    this.#followVerdicts(tenure, nowMs);
    tenure.leasedSinceMs ??= nowMs;
    for (const answered of tenure.answered.values()) answered.atMs ??= nowMs;
    tenure.fencing.expire((node) => this.#isFresh(tenure.heard.get(node), nowMs), nowMs);
    const view = followStart(tenure, this.#view(awaited, nowMs));
    const starts = startsToNote(view);
    if (starts.length > 0) return { type: "noteStarts", epoch: view.ownership.epoch, starts };
    const step = planPlacement(view);
    if (!isChoice(step, view) || !this.#isGathering(view, tenure)) return this.#carryOut(step, view, tenure);
    tenure.wakeMs = tenure.gatheringMs;
    return null;
  }

  /** Who is chosen must not depend on whose agent was heard first. */
  #isGathering({ agents, verdicts, nowMs }: PlacementView, tenure: Tenure): boolean {
    tenure.gatheringMs ??= toMillis((tenure.leasedSinceMs ?? nowMs) + this.#agentSilentMs);
    if (nowMs >= tenure.gatheringMs) return false;
    return verdicts.some(({ node, status }) => status === "up" && !agents.has(node));
  }

  deadlineMs(): Millis | null {
    return this.isLeased ? (this.#tenure?.wakeMs ?? null) : null;
  }

  /** What it waited for has come, and the manager knows: it decides as soon as nothing else is in the way. */
  deadline(nowMs: Millis): void {
    if (this.#tenure !== null && isDue(this.#tenure.wakeMs, nowMs)) this.#tenure.wakeMs = null;
  }

  #carryOut(step: PlacementStep, view: PlacementView, tenure: Tenure): GroupCommand | null {
    const { epoch } = view.ownership;
    const atMs = view.wallMs;
    const manager = this.#world.self;
    switch (step.type) {
      case "wait":
        tenure.wakeMs = earliest(step.untilMs, this.#staleMs(tenure));
        return null;
      case "reserve":
        this.#reserve(step.node, view, tenure);
        return null;
      case "assign": {
        const { owner, reason, isMove } = step;
        const { lease } = view.policies;
        const isWish = view.placement.move !== null;
        const samples = isByLoad(view.policies) ? [...view.samples.values()].slice(0, limits.decisionSamplesMax) : [];
        const next = toEpoch(epoch + 1);
        return { type: "assign", owner, epoch: next, reason, atMs, isMove, isWish, lease, samples, manager };
      }
      case "advance": {
        const { owner, to, state, reason } = step;
        return { type: "advance", owner, to, epoch, state, reason, atMs, manager };
      }
      case "fence":
        return this.#fence(step, view, tenure);
      case "fail": {
        const { node, resource, reason, isFinal } = step;
        return { type: "failPlacement", epoch, error: { node, resource, reason, atMs }, isFinal, manager };
      }
    }
  }

  /** Why a node's ledger would not admit the next epoch; null: it would, or does not answer. */
  assess(node: NodeId, answer: (refusal: string | null) => void): void {
    const reservation = { ...this.terms, epoch: toEpoch(this.#replica.state.ownership.epoch + 1) };
    this.#owner.ask({ type: "reserve", node, reservation, validateOnly: true }, (reply) => {
      answer(reply.type === "reserve" && !reply.isAdmitted ? reply.reason : null);
    });
  }

  /** What a ledger has answered holds for a moment: then it is asked again. */
  #reserve(node: NodeId, view: PlacementView, tenure: Tenure): void {
    if (tenure.asking.has(node)) return;
    tenure.asking.add(node);
    const epoch = toEpoch(view.ownership.epoch + 1);
    const reservation = { ...this.terms, epoch };
    this.#owner.ask({ type: "reserve", node, reservation, validateOnly: false }, (reply) => {
      tenure.asking.delete(node);
      tenure.answered.set(node, { answer: answerOf(reply, epoch), atMs: null });
      this.#owner.wake();
    });
  }

  /** From here on no renewal of the epoch is answered. The first attempts are decisions on record, with what came of the one before. */
  #fence({ node, by, reason }: Step<"fence">, view: PlacementView, tenure: Tenure): GroupCommand | null {
    const { ownership, placement, policies, nowMs, wallMs: atMs } = view;
    const { epoch, state } = ownership;
    assert(policies.fence !== null, () => `${node} is to be fenced, and no fence is configured`);
    tenure.fencing.begin({ node, by, epoch }, policies.fence, nowMs);
    // With nothing to propose it decides at once what to wait for.
    tenure.wakeMs = nowMs;
    if (tenure.fencing.count > limits.fencesLogged) return null;
    return {
      type: "advance",
      owner: node,
      to: placement.target,
      epoch,
      state,
      reason,
      atMs,
      manager: this.#world.self,
    };
  }

  #view(awaited: (node: NodeId) => boolean, nowMs: Millis): PlacementView {
    const { state } = this.#replica;
    const { group, owners } = state.object;
    const tenure = this.#tenure ?? this.#newTenure();
    return {
      group,
      owners,
      leaving: leavingOwners(owners, this.#replica.membership, this.#owner.askedOwners()),
      verdicts: state.verdicts(),
      ownership: state.ownership,
      placement: state.placement,
      policies: this.policies,
      nowMs,
      wallMs: wallMs(this.#world, nowMs),
      upSinceMs: tenure.upSinceMs,
      managesSinceMs: tenure.sinceMs ?? nowMs,
      decidedSinceMs: tenure.decided?.sinceMs ?? nowMs,
      rightEndsMs: this.#rightEndsMs(tenure, nowMs),
      fence: tenure.fencing.view(state.ownership.epoch),
      isRenewed: tenure.rights.isRenewed(state.ownership.epoch),
      startableSinceMs: tenure.startableSinceMs,
      beginsUntilMs: this.#beginsUntilMs(tenure),
      report: this.#ownerReport(tenure),
      agents: agentsIn(tenure, (heard) => this.#isFresh(heard, nowMs)),
      leavingAgents: agentsIn(tenure, ({ isLeaving }) => isLeaving),
      starts: present(owners, (node) => this.#surroundings.startOf(node)),
      awaited,
      neighbours: this.#neighbours,
      samples: present(owners, (node) => this.#surroundings.sampleOf(node, nowMs)),
      capacities: present(owners, (node) => this.#surroundings.capacityOf(node)),
      reservations: present(owners, (node) => this.#reservation(tenure.answered.get(node), nowMs)),
    };
  }

  /** null: nobody holds one, or no time ends it. */
  #rightEndsMs({ rights }: Tenure, nowMs: Millis): Millis | null {
    const { ownership, placement } = this.#replica.state;
    if (ownership.currentOwner === null) return null;
    // Whoever was only advised to run the application was never granted anything.
    if (placement.lease === null || rights.isReleased(ownership.epoch)) return nowMs;
    if (placement.lease.isEndless) return null;
    return rights.endsMs(ownership.epoch, placement.lease) ?? toMillis(nowMs + placement.lease.ttlMs);
  }

  /**
   * A right that this manager has renewed for nobody, or not for half its time, is running out, or its owner is being fenced;
   * another manager would have to begin anew.
   */
  isAwaitingEnd(nowMs: Millis): boolean {
    const { ownership, placement } = this.#replica.state;
    if (this.#tenure === null || placement.lease === null || ownership.currentOwner === null) return false;
    if (this.#tenure.rights.isReleased(ownership.epoch)) return false;
    if (this.#tenure.fencing.isOrdered(ownership.epoch)) return true;
    if (placement.lease.isEndless) return false;
    if (!this.#tenure.rights.isRenewed(ownership.epoch)) return true;
    const endsMs = this.#rightEndsMs(this.#tenure, nowMs);
    return endsMs !== null && endsMs < nowMs + placement.lease.ttlMs / 2;
  }

  #isRightOver(nowMs: Millis): boolean {
    const { currentOwner, epoch } = this.#replica.state.ownership;
    if (this.#tenure === null || currentOwner === null || this.#tenure.fencing.isDone(epoch)) return true;
    const endsMs = this.#rightEndsMs(this.#tenure, nowMs);
    return endsMs !== null && nowMs >= endsMs;
  }

  /** Whose renewal is not answered lets its right run out; who is told that it has none stops at once. */
  #refuseRenewal({ node }: RenewRequest, nowMs: Millis): Failure | null {
    const { state } = this.#replica;
    const { group } = state.object;
    if (this.#tenure?.sinceMs === null || this.#tenure === null) {
      return failure("no_leader", `The manager of ${group} has just begun`, { group });
    }
    if (state.ownership.currentOwner !== node || this.#isRightOver(nowMs)) return null;
    if (this.#tenure.fencing.isOrdered(state.ownership.epoch)) return null;
    // Who owns the group no more is to stop in order, and keeps its right until it has.
    if (!state.object.owners.includes(node)) return null;
    const status = state.verdicts().find((verdict) => verdict.node === node)?.status ?? "joining";
    if (isThere(status)) return null;
    const message = `The node ${node} is ${status}, by the verdict of ${group}: its right is not renewed`;
    return failure("condition_failed", message, { group, node });
  }

  #beginsUntilMs({ newest }: Tenure): Millis | null {
    const isAcquiring = this.#replica.state.ownership.state === "acquiring";
    return isAcquiring && newest !== null ? toMillis(newest.sinceMs + limits.agentBeginsMs) : null;
  }

  #ownerReport({ heard }: Tenure): OwnerReport | null {
    const { currentOwner, epoch } = this.#replica.state.ownership;
    const report = currentOwner === null ? undefined : heard.get(currentOwner)?.report;
    if (report === undefined || report.epoch !== epoch) return null;
    const { state, resources } = report;
    if (state === "acquiring" && resources.length === 0) return null;
    const running = resources.filter((each) => each.epoch !== 0);
    const cause = running.find((each) => each.state === "failed") ?? resources.find((each) => each.state === "failed");
    return {
      state,
      resource: cause?.resource ?? "",
      reason: cause?.reason ?? "",
      isStopped: state === "offline" || (resources.length > 0 && running.length === 0),
    };
  }

  /** Also a report that came before the entry that assigned its epoch was applied here. */
  #noteStop({ heard, rights }: Tenure): void {
    const { currentOwner, epoch } = this.#replica.state.ownership;
    const report = currentOwner === null ? undefined : heard.get(currentOwner)?.report;
    if (report?.epoch === epoch && report.state === "offline") rights.released(epoch);
  }

  #noteDecision(tenure: Tenure, sinceMs: Millis): void {
    const index = this.#replica.state.placement.decisions.at(-1)?.index ?? null;
    if (tenure.decided?.index !== index) tenure.decided = { index, sinceMs };
  }

  /** Owners, and who is the current owner though it owns the group no more. */
  #isConcerned(node: NodeId): boolean {
    const { object, ownership } = this.#replica.state;
    return object.owners.includes(node) || node === ownership.currentOwner;
  }

  #followVerdicts({ upSinceMs }: Tenure, nowMs: Millis): void {
    const up = new Set(this.#replica.state.verdicts().flatMap(({ node, status }) => (status === "up" ? [node] : [])));
    for (const node of [...upSinceMs.keys()]) if (!up.has(node)) upSinceMs.delete(node);
    for (const node of up) if (!upSinceMs.has(node)) upSinceMs.set(node, nowMs);
  }

  get #neighbours(): readonly Neighbour[] {
    return this.#surroundings.neighboursOf(this.#replica.state.object);
  }

  #reservation(answered: Answered | undefined, nowMs: Millis): ReservationAnswer | null {
    if (answered === undefined || nowMs > (answered.atMs ?? nowMs) + limits.reservationFreshMs) return null;
    const { answer } = answered;
    const isStale = answer.type === "admitted" && answer.epoch !== this.#replica.state.ownership.epoch + 1;
    return isStale ? null : answer;
  }

  #isFresh(heard: Heard | undefined, nowMs: Millis): boolean {
    return heard !== undefined && nowMs <= heard.atMs + this.#agentSilentMs;
  }

  get #agentSilentMs(): number {
    return Math.max(limits.agentSilentMs, limits.agentMissesMax * this.policies.lease.renewIntervalMs);
  }

  /** When something that was heard stops counting: a plan that rests on it is made anew then. */
  #staleMs(tenure: Tenure): Millis | null {
    const heard = [...tenure.heard.values()].map(({ atMs }) => toMillis(atMs + this.#agentSilentMs + 1));
    const answered = [...tenure.answered.values()].map(({ atMs }) => {
      return toMillis((atMs ?? this.#nowMs) + limits.reservationFreshMs + 1);
    });
    return earliest(...[...heard, ...answered].filter((atMs) => atMs > this.#nowMs));
  }
}

/** The same view, with since when the application can be started. */
function followStart(tenure: Tenure, view: PlacementView): PlacementView {
  tenure.startableSinceMs = isStartable(view) ? (tenure.startableSinceMs ?? view.nowMs) : null;
  return { ...view, startableSinceMs: tenure.startableSinceMs };
}

/** Not where an operator has named the node, nor where it has been chosen before; but also that nobody is left to choose. */
function isChoice(step: PlacementStep, { placement }: PlacementView): boolean {
  if (step.type === "fail") return step.isFinal;
  const node = step.type === "assign" ? step.owner : step.type === "reserve" ? step.node : null;
  return node !== null && node !== placement.move?.to && node !== placement.target;
}

function answerOf(reply: Reply, epoch: Epoch): ReservationAnswer {
  if (reply.type === "reserve" && reply.isAdmitted) return { type: "admitted", epoch };
  if (reply.type === "reserve") return { type: "refused", reason: reply.reason };
  return { type: "refused", reason: reply.type === "failed" ? reply.failure.message : "Its ledger did not answer" };
}

function isNothing({ owners, capacity, resources }: GroupPolicies["minimum"]): boolean {
  return owners === 0 && capacity.size === 0 && resources.length === 0;
}

function isByLoad({ fallover }: GroupPolicies): boolean {
  return fallover === "leastLoaded" || fallover === "mostFreeCapacity";
}

function isSameWord(before: Heard | undefined, now: Heard): boolean {
  if (before === undefined || before.isLeaving !== now.isLeaving) return false;
  return before.report.epoch === now.report.epoch && before.report.state === now.report.state;
}

function agentsIn({ heard }: Tenure, isOne: (heard: Heard) => boolean): ReadonlySet<NodeId> {
  return new Set([...heard].flatMap(([node, each]) => (isOne(each) ? [node] : [])));
}

function present<Value>(nodes: readonly NodeId[], of: (node: NodeId) => Value | null): ReadonlyMap<NodeId, Value> {
  return new Map(
    nodes.flatMap((node) => {
      const value = of(node);
      return value === null ? [] : [[node, value] as const];
    }),
  );
}

function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
