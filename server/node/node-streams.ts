// Watches that are of no single group: of nodes, and of cluster events. This node serves them from what it holds itself.

import { failure } from "../../proto/errors.ts";
import { clusterGroup, type Millis, type NodeId, toRevision } from "../../proto/ids.ts";
import type { StatusComponent } from "../../proto/model.ts";
import type { Header, WatchClusterRequest, WatchNodesRequest } from "../../proto/requests.ts";
import type { Directory } from "../sphere/directory.ts";
import { StateHub } from "../watch/state-hub.ts";
import type { ClusterDatabase } from "./cluster-database.ts";
import { incarnationAt } from "./cluster-incarnations.ts";
import { EventFeed, openingOf as openingOfEvents } from "./event-feed.ts";
import { failed } from "./group-replies.ts";
import { limits } from "./limits.ts";
import { earliest } from "./millis.ts";
import { NodeStates, openingOf as openingOfNodes, type SphereView } from "./node-states.ts";
import { SphereChanges } from "./sphere-changes.ts";
import type { World } from "./world.ts";

/** What the streams tell of. */
export interface StreamedKnowledge {
  readonly database: ClusterDatabase;
  components(node?: NodeId): readonly StatusComponent[];
}

export class NodeStreams {
  readonly #world: World;
  readonly #node: StreamedKnowledge;
  readonly #changes: SphereChanges;
  readonly #events = new StateHub<null>(limits.watchesMax);
  readonly #nodes = new StateHub<readonly NodeId[]>(limits.watchesMax);

  constructor(world: World, node: StreamedKnowledge) {
    this.#world = world;
    this.#node = node;
    this.#changes = new SphereChanges(world.self);
  }

  watchCluster(key: number, request: WatchClusterRequest, nowMs: Millis): void {
    const opening = openingOfEvents(request, this.#node.database.index);
    this.#world.calls.stream(key, this.#events.open(key, { ...opening, header: this.#header() }, nowMs));
  }

  /** @returns false when another node has to serve it, which has all of the nodes in its sphere */
  watchNodes(key: number, request: WatchNodesRequest, nowMs: Millis): boolean {
    const { directory } = this.#node.database.state;
    const { self, calls } = this.#world;
    if (!request.nodes.every((node) => directory.isInSphere(node, self))) {
      if (this.holdersOf(request.nodes).length > 0) return false;
      const message = `No node has all of ${request.nodes.join(", ")} in its sphere: watch them apart`;
      calls.answer(key, failed(failure("invalid_argument", message, { field: "nodes" })));
      return true;
    }
    const opening = openingOfNodes(request, this.#view());
    calls.stream(key, this.#nodes.open(key, { ...opening, header: this.#header() }, nowMs));
    return true;
  }

  /** Other nodes that have all of these in their sphere. */
  holdersOf(nodes: readonly NodeId[]): readonly NodeId[] {
    const { directory } = this.#node.database.state;
    const others = directory.nodes.filter((holder) => holder !== this.#world.self);
    return others.filter((holder) => nodes.every((node) => directory.isInSphere(node, holder)));
  }

  drained(key: number): void {
    this.#events.drained(key);
    this.#nodes.drained(key);
  }

  close(key: number): void {
    this.#events.close(key);
    this.#nodes.close(key);
  }

  /** What is held of the node has changed. */
  nodeChanged(node: NodeId): void {
    this.#changes.changed(node);
  }

  directoryChanged(directory: Directory): void {
    const { index, state } = this.#node.database;
    this.#changes.follow(directory, index, state.verdicts());
  }

  settle(nowMs: Millis): void {
    if (this.#events.size > 0) {
      const { state, index } = this.#node.database;
      this.#deliver(this.#events.poll(new EventFeed(state, index), nowMs));
    }
    if (this.#nodes.size > 0) this.#deliver(this.#nodes.poll(new NodeStates(this.#view()), nowMs));
  }

  deadlineMs(): Millis | null {
    return earliest(this.#events.deadlineMs(), this.#nodes.deadlineMs());
  }

  #deliver(deliveries: ReturnType<StateHub<null>["poll"]>): void {
    for (const { call, message } of deliveries) this.#world.calls.stream(call, message);
  }

  #view(): SphereView {
    const { database } = this.#node;
    const components = (node?: NodeId) => this.#components(node);
    return { self: this.#world.self, changes: this.#changes, state: database.state, index: database.index, components };
  }

  /** Of a node in no group the cluster's own database has the verdict; such a node is in its own sphere alone. */
  #components(node?: NodeId): readonly StatusComponent[] {
    const { self } = this.#world;
    const { state } = this.#node.database;
    const held = this.#node.components(node);
    const isAlone = state.directory.groupsOf(self).length === 0 && (node ?? self) === self;
    return isAlone ? [...held, ...state.verdicts().filter((verdict) => verdict.node === self)] : held;
  }

  #header(): Header {
    const { index, replica } = this.#node.database;
    const at = { group: clusterGroup, incarnation: incarnationAt(index), revision: toRevision(index) };
    return { ...at, node: this.#world.self, stale: replica === null };
  }
}
