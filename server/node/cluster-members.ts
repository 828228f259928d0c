// The voters of the cluster group, as the one that leads them sees to them: one that lost its data begins anew as another
// member, one that stays away gives its place to another node, and whoever is new is invited.

import type { MemberId, Millis, NodeId } from "../../proto/ids.ts";
import { type Membership, memberOf } from "../../proto/membership.ts";
import type { VoterPlan } from "../recovery/voter-succession.ts";
import type { ClusterOutcome, ClusterState } from "./cluster-state.ts";
import { Invitations } from "./invitations.ts";
import { type LossReport, MembershipManager, type MembershipView } from "./membership-manager.ts";
import { earliest, isDue } from "./millis.ts";
import type { Replica } from "./replica.ts";
import { VoterKeeper } from "./voter-keeper.ts";
import type { World } from "./world.ts";

const nothing: VoterPlan = { type: "keep", why: null };

export class ClusterMembers {
  readonly #world: World;
  readonly #replica: Replica<ClusterOutcome, ClusterState>;
  readonly #manager: MembershipManager;
  readonly #invitations: Invitations;
  readonly #keeper: VoterKeeper;
  #plan: VoterPlan = nothing;

  /** Leadership has just begun. */
  constructor(world: World, replica: Replica<ClusterOutcome, ClusterState>, nowMs: Millis) {
    this.#world = world;
    this.#replica = replica;
    this.#manager = new MembershipManager(world.self, null, nowMs);
    this.#invitations = new Invitations(nowMs);
    this.#keeper = new VoterKeeper(world);
  }

  /** Why a voter that stays away is not replaced; empty: none does, or it is. */
  get hindrance(): string {
    return this.#plan.type === "keep" ? (this.#plan.why ?? "") : "";
  }

  /** The membership has changed, in force or applied. */
  changed(nowMs: Millis): void {
    this.#invitations.wake(nowMs);
    this.#manager.wake(nowMs);
  }

  /** A member says that it holds nothing of the group as this member. */
  lost(node: NodeId, report: LossReport, nowMs: Millis): void {
    this.#manager.lost(node, report, nowMs);
  }

  deadline(nowMs: Millis): void {
    const lostIn = (node: NodeId, member: MemberId) => this.#manager.lossBehind(node, member);
    this.#invitations.deadline({ group: this.#replica, lostIn }, this.#world.out, nowMs);
  }

  deadlineMs(): Millis | null {
    return earliest(this.#manager.deadlineMs(), this.#invitations.deadlineMs());
  }

  /** After every step: the next change of the voters. @returns what has been decided of them now; null: nothing was looked at */
  manage(nowMs: Millis): VoterPlan | null {
    if (!isDue(this.#manager.deadlineMs(), nowMs)) return null;
    this.#replace(nowMs);
    const input = this.#manager.decide(
      { ...this.#view(), isSettled: true, isRefused: () => false, isTied: false },
      nowMs,
    );
    const refusal = input === null ? null : this.#replica.change(input, nowMs);
    if (refusal !== null) this.#manager.refused(refusal, nowMs);
    return this.#plan;
  }

  /** Decided anew each time: a voter that is back before its place is taken keeps it. */
  #replace(nowMs: Millis): void {
    this.#manager.withdraw();
    const plan = this.#nextPlan(nowMs);
    this.#note(plan);
    this.#plan = plan;
    if (plan.type === "change") this.#manager.ask(plan.voters, this.#view());
  }

  /** What was vouched for is taken in only when it may matter. */
  #nextPlan(nowMs: Millis): VoterPlan {
    if (!this.#keeper.isNeeded({ status: this.#replica.status, nowMs })) return nothing;
    this.#replica.catchUp();
    const { status, state } = this.#replica;
    return this.#keeper.isNeeded({ status, nowMs }) ? this.#keeper.plan({ status, nowMs }, state) : nothing;
  }

  /** Once, however often the same is decided again. */
  #note(plan: VoterPlan): void {
    if (plan.type === "change" && this.#plan.type === "keep") {
      this.#world.out.note("warn", "Replaces a voter", { heir: plan.heir, reason: plan.reason });
    }
    if (plan.type === "keep" && plan.why !== null && this.hindrance === "") {
      this.#world.out.note("warn", "A voter stays away", { reason: plan.why });
    }
  }

  #view(): MembershipView {
    return { status: this.#replica.status, policy: { type: "majority" }, witnesses: () => [] };
  }
}

/** Whether the node was a member, as this one, and neither is nor is to be one any more, under whatever number. */
export function hasRetired(membership: Membership, node: NodeId, member: MemberId): boolean {
  const isWanted = membership.target?.some((voter) => voter.node === node) ?? false;
  return member < membership.nextMember && memberOf(membership, node) === null && !isWanted;
}
