// What the leader of the cluster group decides: when a failure or a reintegration becomes an event for everybody (A3), and
// the verdicts on nodes that are in no group (A2).

import type { ClusterCommand } from "../../proto/commands.ts";
import type { GroupId, Millis, NodeId } from "../../proto/ids.ts";
import type { DirectoryEntry, KeptIntent, StatusComponent } from "../../proto/model.ts";
import { EventAgreement } from "../recovery/event-agreement.ts";
import { isThere } from "../recovery/intents.ts";
import { SilenceDetector } from "../recovery/silence.ts";
import { planVerdicts } from "../recovery/verdicts.ts";
import type { ClusterState } from "./cluster-state.ts";
import { limits } from "./limits.ts";
import { earliest, isDue } from "./millis.ts";
import type { World } from "./world.ts";

export class Coordinator {
  readonly #world: World;
  readonly #agreement = new EventAgreement({
    pollMs: limits.verdictPollMs,
    intervalMs: limits.eventIntervalMs,
    pendingNodesMax: limits.pendingNodesMax,
    changesMax: limits.eventChangesMax,
  });
  readonly #detector = new SilenceDetector({ suspectMs: limits.suspectMs, downMs: limits.downMs });
  /** Nodes that the detector watches: those in no group. */
  #watched: readonly NodeId[] = [];
  /** Nodes that this node itself is to be asked about, as a manager. */
  #ownPolls: NodeId[] = [];
  /** The newest word of each group on its owners, as its manager repeats it until the directory shows it. */
  readonly #owners = new Map<GroupId, DirectoryEntry>();
  /** What groups have come to, as their managers repeat it until the database shows it; by group and node. */
  readonly #kept = new Map<string, KeptIntent>();
  /** Empty: another leader began to change them. */
  #votersReason = "";
  #isDeciding = false;
  #isDue = true;

  constructor(world: World) {
    this.#world = world;
  }

  /** Of a node that was heard already it is no news; a deadline that the detector passes by with it is. */
  heard(node: NodeId, nowMs: Millis): void {
    const isNews = isDue(this.#detector.deadlineMs(), nowMs) || this.#detector.verdict(node, nowMs) !== "heard";
    this.#detector.heard(node, nowMs);
    if (isNews) this.#isDue = true;
  }

  /** This node stood still for so long, and heard nobody. */
  stoodStill(stillMs: number): void {
    this.#detector.discount(stillMs);
  }

  /** Late answers to a poll are no reason for another: of a node that nobody discusses only news count. */
  report(component: StatusComponent, state: ClusterState, nowMs: Millis): void {
    if (!this.#agreement.discusses(component.node) && !differsFromRecord(component, state)) return;
    this.#agreement.report(component, nowMs);
    this.#isDue = true;
  }

  reportOwners(entry: DirectoryEntry): void {
    this.#owners.set(entry.group, entry);
    this.#isDue = true;
  }

  reportIntent(kept: KeptIntent): void {
    this.#kept.set(`${kept.group} ${kept.node}`, kept);
    this.#isDue = true;
  }

  /** The database, a quarantine or the time has changed: decide anew. */
  wake(): void {
    this.#isDue = true;
  }

  deadlineMs(): Millis | null {
    return this.#isDeciding ? null : earliest(this.#agreement.deadlineMs(), this.#detector.deadlineMs());
  }

  /** Why the voters are, or will be, others than they were. */
  explainVoters(reason: string): void {
    this.#votersReason = reason;
  }

  /** @returns what to log now, or null; call `decided` when its fate is known */
  decide(state: ClusterState, atMs: number, nowMs: Millis): ClusterCommand | null {
    if (this.#isDeciding || !this.#isDue) return null;
    this.#isDue = false;
    const command =
      this.#changedVoters(state, atMs) ??
      this.#changedOwners(state, atMs) ??
      this.#keptIntents(state) ??
      this.#verdicts(state, atMs, nowMs) ??
      this.#events(state, atMs, nowMs);
    this.#isDeciding = command !== null;
    return command;
  }

  /** On which nodes the groups managed here are to report, since the last call. */
  takeOwnPolls(): readonly NodeId[] {
    const polls = this.#ownPolls;
    this.#ownPolls = [];
    return polls;
  }

  decided(): void {
    this.#isDeciding = false;
    this.#isDue = true;
  }

  #changedVoters(state: ClusterState, atMs: number): ClusterCommand | null {
    if (state.untoldVoters === null) return null;
    return { type: "votersChanged", atMs, by: this.#world.self, reason: this.#votersReason };
  }

  /** What was reported and is not in the directory yet, all in one entry. */
  #changedOwners(state: ClusterState, atMs: number): ClusterCommand | null {
    const entries = [...this.#owners.values()].filter((entry) => state.isNews(entry));
    this.#owners.clear();
    return entries.length === 0 ? null : { type: "ownersChanged", atMs, entries };
  }

  #keptIntents(state: ClusterState): ClusterCommand | null {
    const kept = [...this.#kept.values()].filter((each) => state.isPending(each));
    this.#kept.clear();
    return kept.length === 0 ? null : { type: "intentsKept", kept };
  }

  #verdicts(state: ClusterState, atMs: number, nowMs: Millis): ClusterCommand | null {
    const nodes = state.ungrouped();
    this.#watch(nodes, nowMs);
    const changes = planVerdicts({
      owners: nodes,
      self: this.#world.self,
      verdicts: state.verdicts(),
      heard: (node) => this.#detector.verdict(node, nowMs),
      quarantined: (node) => this.#world.quarantines.get(node) ?? "",
      downMs: limits.downMs,
    });
    return changes.length === 0 ? null : { type: "verdicts", atMs, changes };
  }

  /** A node that has come into a group is that group's to watch: its deadlines here would never be dealt with. */
  #watch(nodes: readonly NodeId[], nowMs: Millis): void {
    const kept = new Set(nodes);
    for (const node of this.#watched) if (!kept.has(node)) this.#detector.forget(node);
    for (const node of nodes) this.#detector.watchFrom(node, nowMs);
    this.#watched = nodes;
  }

  #events(state: ClusterState, atMs: number, nowMs: Millis): ClusterCommand | null {
    this.#reportUngrouped(state, nowMs);
    const { directory } = state;
    const { changes, polls } = this.#agreement.due(nowMs, (node) => state.recorded(node), directory);
    for (const { node, status, groups } of polls) {
      for (const owner of new Set(groups.flatMap((entry) => entry.owners))) {
        if (owner === this.#world.self) this.#ownPolls.push(node);
        else this.#world.out.send(owner, { type: "verdictPoll", node, status });
      }
    }
    return changes.length === 0 ? null : { type: "events", atMs, changes };
  }

  /** Verdicts of this group itself that differ from the record. */
  #reportUngrouped(state: ClusterState, nowMs: Millis): void {
    for (const component of state.verdicts()) {
      const isUngrouped = state.directory.groupsOf(component.node).length === 0;
      if (!isUngrouped || !differsFromRecord(component, state)) continue;
      if (this.#isJudged(component.node, nowMs)) this.#agreement.report(component, nowMs);
    }
  }

  /** Whether the verdict rests on what is seen now, and not on what was before the node came into a group that it has left. */
  #isJudged(node: NodeId, nowMs: Millis): boolean {
    if (node === this.#world.self || this.#world.quarantines.has(node)) return true;
    const hearing = this.#detector.verdict(node, nowMs);
    return hearing === "heard" || hearing === "silent";
  }
}

/** Whether a group's verdict on a node is something that the cluster's events do not say yet. */
export function differsFromRecord(component: StatusComponent, state: ClusterState): boolean {
  const recorded = state.recorded(component.node);
  if (component.status === "down") return recorded !== "down";
  return isThere(component.status) && recorded === "down";
}
