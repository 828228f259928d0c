// What the leader of the cluster group proposes to it: calls of clients, and its own decisions, each told what became of it.

import { assert, present } from "../../proto/assert.ts";
import { encodeClusterCommand } from "../../proto/codec/commands.ts";
import type { ClusterCommand } from "../../proto/commands.ts";
import { failure } from "../../proto/errors.ts";
import { clusterGroup, type Millis, toLogIndex } from "../../proto/ids.ts";
import type { Call } from "./calls.ts";
import { firstOfGroup } from "./cluster-incarnations.ts";
import type { ClusterOutcome, ClusterState } from "./cluster-state.ts";
import type { Coordinator } from "./coordinator.ts";
import { failed, fateUnknown } from "./group-replies.ts";
import { limits } from "./limits.ts";
import type { Replica } from "./replica.ts";
import { type World, wallMs } from "./world.ts";

type Proposal = { readonly type: "call"; readonly key: number } | { readonly type: "decision" };
type Request<Type extends Call["request"]["type"]> = Call["request"] & { readonly type: Type };

export interface ClusterProposer {
  /** null on a node that has no vote. */
  readonly replica: Replica<ClusterOutcome, ClusterState> | null;
  readonly state: ClusterState;
  /** While this node leads. */
  readonly coordinator: Coordinator | null;
  /** Calls that this node can no longer serve. */
  reroute(calls: readonly number[], nowMs: Millis): void;
}

export class ClusterProposals {
  readonly #world: World;
  readonly #proposer: ClusterProposer;
  /** Under way, by the number under which the core knows them. */
  readonly #underWay = new Map<number, Proposal>();
  #last = 0;

  constructor(world: World, proposer: ClusterProposer) {
    this.#world = world;
    this.#proposer = proposer;
  }

  /** Of a call that changes the database. */
  serve(call: Call, nowMs: Millis): void {
    const { request } = call;
    if (request.type === "refoundGroup") return this.#recover(call, request, nowMs);
    if (request.type === "intendNode") return this.#intend(call, request, nowMs);
    assert(request.type === "createGroup", () => `The cluster group was asked for ${request.type}`);
    this.#create(call, request, nowMs);
  }

  decision(command: ClusterCommand, nowMs: Millis): void {
    this.#propose(command, { type: "decision" }, nowMs);
  }

  applied(number: number, outcome: ClusterOutcome): void {
    const proposal = this.#take(number);
    if (proposal?.type === "decision") this.#proposer.coordinator?.decided();
    if (proposal?.type !== "call") return;
    const { calls } = this.#world;
    const { key } = proposal;
    if (outcome.type === "groupCreated") calls.answer(key, { type: "createGroup", entry: outcome.entry });
    else if (outcome.type === "groupRecovered") calls.answer(key, { type: "refoundGroup", entry: outcome.entry });
    else if (outcome.type === "intended") calls.answer(key, { type: "intendNode", intent: outcome.intent });
    else if (outcome.type === "refused") calls.answer(key, failed(outcome.failure));
  }

  /** Another entry has taken its place. */
  lost(number: number): void {
    const proposal = this.#take(number);
    if (proposal?.type === "decision") this.#proposer.coordinator?.decided();
    if (proposal?.type !== "call") return;
    const message = "The leader of the cluster group changed before the change took effect; it did not happen";
    this.#world.calls.answer(proposal.key, failed(failure("no_leader", message, { group: clusterGroup })));
  }

  /** What became of it cannot be told here any more. */
  forgotten(number: number): void {
    const proposal = this.#take(number);
    if (proposal?.type === "call") this.#world.calls.answer(proposal.key, failed(fateUnknown(clusterGroup)));
  }

  forgetAll(): void {
    for (const number of [...this.#underWay.keys()]) this.forgotten(number);
  }

  #create(call: Call, request: Request<"createGroup">, nowMs: Millis): void {
    const { group, owners, validateOnly } = request;
    const { state } = this.#proposer;
    const refusal = state.refuseGroup({ group, owners }) ?? this.#world.diskSpace.refusal(request);
    const { incarnation: cluster } = present(this.#proposer.replica, "the cluster group's replica").key;
    const entry = { group, owners, incarnation: firstOfGroup(cluster), index: toLogIndex(0) };
    if (refusal !== null) this.#world.calls.answer(call.key, failed(refusal));
    else if (validateOnly) this.#world.calls.answer(call.key, { type: "createGroup", entry });
    else this.#change(call, { type: "createGroup", atMs: wallMs(this.#world, nowMs), entry }, nowMs);
  }

  #recover(call: Call, { group, recovery, reason }: Request<"refoundGroup">, nowMs: Millis): void {
    const refusal = this.#proposer.state.refuseRecovery(group, recovery);
    if (refusal !== null) return this.#world.calls.answer(call.key, failed(refusal));
    this.#change(call, { type: "recoverGroup", atMs: wallMs(this.#world, nowMs), group, recovery, reason }, nowMs);
  }

  #intend(call: Call, { node, wanted, reason }: Request<"intendNode">, nowMs: Millis): void {
    this.#change(call, { type: "intendNode", atMs: wallMs(this.#world, nowMs), node, wanted, reason }, nowMs);
  }

  #change(call: Call, command: ClusterCommand, nowMs: Millis): void {
    call.mayHaveHappened = true;
    this.#propose(command, { type: "call", key: call.key }, nowMs);
  }

  #propose(command: ClusterCommand, proposal: Proposal, nowMs: Millis): void {
    this.#last += 1;
    const number = this.#last;
    this.#underWay.set(number, proposal);
    if (this.#proposer.replica?.propose([encodeClusterCommand(command)], [number], nowMs) === true) return;
    this.#take(number);
    if (proposal.type === "decision") this.#proposer.coordinator?.decided();
    else this.#refuse(proposal.key, nowMs);
  }

  /** Nothing was proposed: this node leads no more, or holds too much that is uncommitted. */
  #refuse(key: number, nowMs: Millis): void {
    if (this.#proposer.replica?.status.role !== "leader") return this.#proposer.reroute([key], nowMs);
    const call = this.#world.calls.get(key);
    if (call !== null) call.mayHaveHappened = false;
    const message = `The cluster group holds ${limits.uncommittedBytesMax} bytes that are not committed yet`;
    this.#world.calls.answer(key, failed(failure("overloaded", message, { group: clusterGroup })));
  }

  #take(number: number): Proposal | null {
    const proposal = this.#underWay.get(number) ?? null;
    this.#underWay.delete(number);
    return proposal;
  }
}
