// The replicas that this node holds: made from its disk at the start, and made anew when the directory gives it a group.

import { type GroupId, type Millis, type NodeId, toLogIndex, toTerm } from "../../proto/ids.ts";
import type { GroupKey, GroupObject } from "../../proto/model.ts";
import { LogStore } from "../../storage/log-store.ts";
import { Applier, type ReplicatedState } from "./applier.ts";
import { newGroupOperations } from "./genesis.ts";
import { type GroupOutcome, GroupState } from "./group-state.ts";
import type { ReplicaImage } from "./image.ts";
import { createRaft } from "./raft-options.ts";
import type { ReplicaParts } from "./replica.ts";
import { type GroupListener, ResourceGroup } from "./resource-group.ts";
import { ownersTopic } from "./topics.ts";
import type { World } from "./world.ts";

const start = { term: toTerm(0), index: toLogIndex(0) };

export class Groups {
  readonly #world: World;
  readonly #listener: GroupListener;
  readonly #groups = new Map<GroupId, ResourceGroup>();

  constructor(world: World, listener: GroupListener) {
    this.#world = world;
    this.#listener = listener;
  }

  [Symbol.iterator](): Iterator<ResourceGroup> {
    return this.#groups.values();
  }

  get(group: GroupId): ResourceGroup | null {
    return this.#groups.get(group) ?? null;
  }

  /** The replica of exactly this incarnation; a message for another one is not for this group. */
  find(key: GroupKey): ResourceGroup | null {
    const group = this.#groups.get(key.group);
    return group?.replica.key.incarnation === key.incarnation ? group : null;
  }

  restore(image: ReplicaImage<GroupState>, nowMs: Millis): void {
    const { owners } = image.state.object;
    this.#groups.set(image.group, this.#build(replicaParts(image, owners, this.#world, nowMs), owners, nowMs));
  }

  /** This node takes no part in any of them any more. */
  clear(): void {
    this.#groups.clear();
  }

  /** A group that the cluster database has just given to this node: an empty replica, on disk with this step. */
  create(object: GroupObject, nowMs: Millis): void {
    const slot = this.#world.slots.take();
    this.#world.out.writeDurably(newGroupOperations(object, slot), null);
    const { group, incarnation, owners } = object;
    const raft = createRaft(
      {
        self: this.#world.self,
        voters: owners,
        hardState: this.#world.hardStates.get(object),
        log: { previous: start, entries: [] },
        applied: start.index,
      },
      this.#world.random.fork(),
      nowMs,
    );
    const { store } = LogStore.create(slot, start);
    const state = GroupState.genesis(object, slot);
    state.rows.takeOperations();
    const applier = new Applier<GroupOutcome, GroupState>(state, start);
    const parts = { group, incarnation, raft, log: store, applier, entries: [] };
    this.#groups.set(group, this.#build(parts, owners, nowMs));
  }

  #build(
    parts: ConstructorParameters<typeof ResourceGroup>[0],
    owners: readonly NodeId[],
    nowMs: Millis,
  ): ResourceGroup {
    return new ResourceGroup(parts, this.#world, { listener: this.#listener, topic: ownersTopic(owners), nowMs });
  }
}

/** What a replica is made of, from what was read at the start. */
export function replicaParts<Outcome, State extends ReplicatedState<Outcome>>(
  image: ReplicaImage<State>,
  voters: readonly NodeId[],
  world: World,
  nowMs: Millis,
): ReplicaParts<Outcome, State> {
  const log = image.log as LogStore;
  const { applied } = image.rows;
  const raft = createRaft(
    {
      self: world.self,
      voters,
      hardState: world.hardStates.get(image),
      log: { previous: log.previous, entries: image.entries },
      applied: applied.index,
    },
    world.random.fork(),
    nowMs,
  );
  const { group, incarnation, entries } = image;
  return { group, incarnation, raft, log, applier: new Applier<Outcome, State>(image.state, applied), entries };
}
