// Managers tell the cluster group's leader what its record does not show yet, until it does (A3): verdicts, owner lists, and
// that their groups have come to what operators want of owners.
// Who leads it, they need not know: the voters that do not lead pass the report over.

import { type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import type { DirectoryEntry, KeptIntent, StatusComponent } from "../../proto/model.ts";
import { isKept } from "../recovery/intents.ts";
import type { ClusterDatabase } from "./cluster-database.ts";
import { differsFromRecord } from "./coordinator.ts";
import { limits } from "./limits.ts";
import type { ResourceGroup } from "./resource-group.ts";
import type { World } from "./world.ts";

export class VerdictReports {
  readonly #world: World;
  /** null: nothing to report. */
  #nextMs: Millis | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  /** A verdict was decided here, or the cluster's record has changed: look again. */
  wake(nowMs: Millis): void {
    this.#nextMs ??= nowMs;
  }

  deadline(groups: Iterable<ResourceGroup>, database: ClusterDatabase, nowMs: Millis): void {
    if (this.#nextMs === null || nowMs < this.#nextMs) return;
    const managed = [...groups].filter((group) => group.isManaged);
    const due = managed.flatMap((group) => group.state.verdicts());
    const news = due.filter((component) => differsFromRecord(component, database.state));
    for (const component of news) this.#report(component, database, nowMs);
    const changed = managed.map(({ entry }) => entry).filter((entry) => isOfOthers(entry, database));
    for (const entry of changed) this.#reportOwners(entry, database);
    const kept = managed.flatMap((group) => keptIn(group, database));
    for (const each of kept) this.#reportIntent(each, database);
    const isDone = news.length === 0 && changed.length === 0 && kept.length === 0;
    this.#nextMs = isDone ? null : toMillis(nowMs + limits.reportIntervalMs);
  }

  deadlineMs(): Millis | null {
    return this.#nextMs;
  }

  /** The leader of the cluster group asks for the verdicts on `node`: managers answer, whatever the record says. */
  answerPoll(from: NodeId, node: NodeId, groups: Iterable<ResourceGroup>): void {
    for (const component of verdictsOn(node, groups)) this.#world.out.send(from, { type: "verdictReport", component });
  }

  /** As `answerPoll`, when that leader is this node. */
  answerOwnPoll(node: NodeId, groups: Iterable<ResourceGroup>, database: ClusterDatabase, nowMs: Millis): void {
    for (const component of verdictsOn(node, groups)) database.report(component, nowMs);
  }

  #reportOwners(entry: DirectoryEntry, database: ClusterDatabase): void {
    for (const voter of database.state.voters) {
      if (voter === this.#world.self) database.reportOwners(entry);
      else this.#world.out.send(voter, { type: "ownersReport", entry });
    }
  }

  #reportIntent(kept: KeptIntent, database: ClusterDatabase): void {
    for (const voter of database.state.voters) {
      if (voter === this.#world.self) database.reportIntent(kept);
      else this.#world.out.send(voter, { type: "intentReport", kept });
    }
  }

  #report(component: StatusComponent, database: ClusterDatabase, nowMs: Millis): void {
    for (const voter of database.state.voters) {
      if (voter === this.#world.self) database.report(component, nowMs);
      else this.#world.out.send(voter, { type: "verdictReport", component });
    }
  }
}

/**
 * Other owners than the directory shows, or the first word of a group that goes on from one node: a new witness, or a member
 * that began anew, is the group's own affair.
 */
function isOfOthers(entry: DirectoryEntry, { state }: ClusterDatabase): boolean {
  const known = state.directory.group(entry.group);
  if (!state.isNews(entry)) return false;
  const isOther = known?.incarnation !== entry.incarnation || known.owners.join() !== entry.owners.join();
  return isOther || state.recovery(entry.group) !== null;
}

/** What the database waits for, and need not any more. */
function keptIn({ state }: ResourceGroup, database: ClusterDatabase): readonly KeptIntent[] {
  const { group } = state.object;
  const kept = database.state.pendingIntents(group).filter((intent) => isKept(intent, state.intents.get(intent.node)));
  return kept.map(({ node, index }) => ({ node, group, index }));
}

function verdictsOn(node: NodeId, groups: Iterable<ResourceGroup>): readonly StatusComponent[] {
  return [...groups].flatMap((group) => {
    return group.isManaged ? group.state.verdicts().filter((verdict) => verdict.node === node) : [];
  });
}
