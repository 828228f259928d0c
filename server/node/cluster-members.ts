// The voters of the cluster group, as the one that leads them sees to them: one that lost its data begins anew as another
// member, and whoever is new is invited.

import type { MemberId, Millis, NodeId } from "../../proto/ids.ts";
import type { ClusterOutcome, ClusterState } from "./cluster-state.ts";
import { Invitations } from "./invitations.ts";
import { type LossReport, MembershipManager } from "./membership-manager.ts";
import { earliest, isDue } from "./millis.ts";
import type { Replica } from "./replica.ts";
import type { World } from "./world.ts";

export class ClusterMembers {
  readonly #world: World;
  readonly #replica: Replica<ClusterOutcome, ClusterState>;
  readonly #manager: MembershipManager;
  readonly #invitations: Invitations;

  /** Leadership has just begun. */
  constructor(world: World, replica: Replica<ClusterOutcome, ClusterState>, nowMs: Millis) {
    this.#world = world;
    this.#replica = replica;
    this.#manager = new MembershipManager(world.self, null, nowMs);
    this.#invitations = new Invitations(nowMs);
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

  /** After every step: the next change of the voters. */
  manage(nowMs: Millis): void {
    if (!isDue(this.#manager.deadlineMs(), nowMs)) return;
    const { status } = this.#replica;
    const view = { status, policy: { type: "majority" }, witnesses: () => [] } as const;
    const input = this.#manager.decide({ ...view, isTied: false }, nowMs);
    if (input !== null && this.#replica.change(input, nowMs) !== null) this.#manager.refused();
  }
}
