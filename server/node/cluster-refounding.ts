// A node goes on alone with what it has of the cluster group, as another incarnation: all of it on disk with one step, in force,
// for others to hear of, once that is durable, and answered when this node leads it.

import { type Failure, failure } from "../../proto/errors.ts";
import { clusterGroup, type Incarnation, type Millis } from "../../proto/ids.ts";
import { founderId } from "../../proto/membership.ts";
import type { GroupKey } from "../../proto/model.ts";
import type { EntryId } from "../../proto/raft.ts";
import { LogStore } from "../../storage/log-store.ts";
import type { Operation } from "../../storage/ordered-store.ts";
import type { Call } from "./calls.ts";
import { successorOf } from "./cluster-incarnations.ts";
import type { ClusterState } from "./cluster-state.ts";
import { type ClusterHeir, succeedCluster } from "./cluster-succession.ts";
import { putGroupRecord } from "./genesis.ts";
import type { WriteId } from "./inputs.ts";
import { mayHaveQuorum, type Quorate } from "./quorum-view.ts";
import { type World, wallMs } from "./world.ts";

type RefoundRequest = Call["request"] & { readonly type: "refoundCluster" };

/** The cluster group as it is here before. */
export interface ClusterPredecessor extends Quorate {
  readonly record: GroupKey;
  /** null on a node that has no vote. */
  readonly replica: object | null;
}

/** What this node goes on with. */
export interface ClusterSuccession {
  readonly heir: ClusterHeir;
  readonly incarnation: Incarnation;
  readonly log: LogStore;
}

export class ClusterRefounding {
  readonly #world: World;
  /** Until it is durable. */
  #written: { readonly write: WriteId; readonly succession: ClusterSuccession } | null = null;
  /** Call that waits until this node leads what it goes on with. */
  #call: number | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  get isUnderWay(): boolean {
    return this.#written !== null;
  }

  refuse(incarnation: Incarnation, predecessor: ClusterPredecessor, nowMs: Millis): Failure | null {
    const { self, isDoubtful } = this.#world;
    const details = { group: clusterGroup, node: self };
    if (isDoubtful()) return failure("condition_failed", `${self} is in quarantine`, details);
    if (incarnation !== predecessor.record.incarnation || this.isUnderWay) {
      const message = `The cluster group is not of incarnation ${incarnation} any more, from which it was to go on`;
      return failure("condition_failed", message, details);
    }
    if (predecessor.replica === null || !mayHaveQuorum(predecessor, this.#world, nowMs)) return null;
    return failure("condition_failed", "The cluster group has a quorum, or may be about to have one", details);
  }

  /**
   * @param old state up to `end`, whole, and not to be used any more
   * @param ended what of the present incarnation stays on record
   */
  begin(
    { key: call, request }: { readonly key: number; readonly request: RefoundRequest },
    old: { readonly state: ClusterState; readonly end: EntryId; readonly ended: readonly Operation[] },
    nowMs: Millis,
  ): void {
    const { self, random, slots, out, hardStates } = this.#world;
    const incarnation = successorOf(request.incarnation, random);
    const { voters, reason } = request;
    const plan = { incarnation, from: self, voters, reason, atMs: wallMs(this.#world, nowMs), slot: slots.take() };
    const heir = succeedCluster(old.state, old.end, plan);
    const log = LogStore.create(plan.slot, heir.last);
    const key = { group: clusterGroup, incarnation };
    const record = putGroupRecord(key, { slot: plan.slot, role: "owner", member: founderId });
    this.#call = call;
    this.#written = { write: out.nextWrite, succession: { heir, incarnation, log: log.store } };
    out.writeDurably([...old.ended, record, ...log.operations, ...heir.operations], hardStates.table());
  }

  /** @returns what this node goes on with from now on; null: nothing else than before */
  durable(write: WriteId): ClusterSuccession | null {
    if (this.#written === null || this.#written.write > write) return null;
    const { succession } = this.#written;
    this.#written = null;
    return succession;
  }

  /** This node leads the cluster group. */
  led(incarnation: Incarnation): void {
    if (this.#call === null) return;
    this.#world.calls.answer(this.#call, { type: "refoundCluster", incarnation });
    this.#call = null;
  }
}
