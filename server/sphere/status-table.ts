// What a node knows of the nodes of its sphere and of interlocked groups: verdicts by (node, group), summaries by group.
// Merging by (incarnation, log index) makes repeats, reorderings and detours harmless. Decides what a repair sends, and
// what must be dropped; sends and deletes nothing itself.

import { compareNames, type GroupId, type NodeId } from "../../proto/ids.ts";
import type { StatusVersion } from "../../proto/messages.ts";
import type { GroupKey, GroupSummary, StatusComponent } from "../../proto/model.ts";
import type { Directory } from "./directory.ts";
import { mayHoldComponent, mayHoldSummary, type Pair, sharesStatusOf, sharesSummaryOf } from "./holding.ts";

/** What `retain` removed; the caller removes it from disk. */
export type Dropped =
  | { readonly type: "component"; readonly node: NodeId; readonly group: GroupId }
  | { readonly type: "summary"; readonly group: GroupId };

/** An answer to what a peer says that it holds. */
export interface Repair {
  /** Newer than what the peer holds, or missing there. */
  readonly components: readonly StatusComponent[];
  readonly summaries: readonly GroupSummary[];
  /** The peer holds something newer that this node may hold: ask it. */
  readonly wanted: boolean;
}

type Version = GroupKey & Pick<StatusComponent, "index">;

/** The size is bounded by the directory: what is merged must be allowed by `holding.ts`, and `retain` runs on its changes. */
export class StatusTable {
  readonly #components = new Map<NodeId, Map<GroupId, StatusComponent>>();
  readonly #summaries = new Map<GroupId, GroupSummary>();
  /** Ordered by group; null after each change. */
  #sorted: readonly GroupSummary[] | null = null;
  /** By the other node of a pair, verdicts that both may hold by `#sharedBy`; empty after each change of a verdict. */
  readonly #shared = new Map<NodeId, readonly StatusComponent[]>();
  #sharedBy: Directory | null = null;

  /**
   * Takes the verdict unless a newer one is known. The caller has checked it with `mayHoldComponent`.
   *
   * @returns whether it was news: then it goes to disk
   */
  mergeComponent(component: StatusComponent): boolean {
    const known = this.#components.get(component.node);
    if (!isNewer(component, known?.get(component.group))) return false;
    this.#shared.clear();
    if (known === undefined) this.#components.set(component.node, new Map([[component.group, component]]));
    else known.set(component.group, component);
    return true;
  }

  /** As `mergeComponent`, for a summary that was checked with `mayHoldSummary`. */
  mergeSummary(summary: GroupSummary): boolean {
    if (!isNewer(summary, this.#summaries.get(summary.group))) return false;
    this.#summaries.set(summary.group, summary);
    this.#sorted = null;
    return true;
  }

  /** Verdicts on `node`, or on all nodes, ordered by node, then group. */
  components(node?: NodeId): readonly StatusComponent[] {
    const nodes = node === undefined ? [...this.#components.keys()].toSorted(compareNames) : [node];
    return nodes.flatMap((name) => byGroup([...(this.#components.get(name)?.values() ?? [])]));
  }

  /** Ordered by group; the same list until one of them changes. */
  summaries(): readonly GroupSummary[] {
    this.#sorted ??= byGroup([...this.#summaries.values()]);
    return this.#sorted;
  }

  /** Drops everything that `self` must not hold now: run it with each change of the directory (A1, A2, A4). */
  retain(directory: Directory, self: NodeId): readonly Dropped[] {
    const components = this.components().filter((component) => !mayHoldComponent(component, directory, self));
    const summaries = this.summaries().filter((summary) => !mayHoldSummary(summary, directory, self));
    for (const { node, group } of components) this.#deleteComponent(node, group);
    for (const { group } of summaries) this.#summaries.delete(group);
    if (summaries.length > 0) this.#sorted = null;
    return [
      ...components.map(({ node, group }): Dropped => ({ type: "component", node, group })),
      ...summaries.map(({ group }): Dropped => ({ type: "summary", group })),
    ];
  }

  #deleteComponent(node: NodeId, group: GroupId): void {
    const known = this.#components.get(node);
    known?.delete(group);
    if (known?.size === 0) this.#components.delete(node);
  }

  /**
   * What `self` holds of all that `peer` may hold as well: verdicts on nodes with both in their sphere, then summaries of
   * groups on which both compare notes.
   *
   * @param ownSummaries of the groups that `self` owns, made from their logs: a shared node relays them
   */
  versionsFor(
    peer: NodeId,
    directory: Directory,
    self: NodeId,
    ownSummaries: readonly GroupSummary[],
  ): readonly StatusVersion[] {
    const pair = { left: self, right: peer };
    return [
      ...this.#componentsFor(directory, pair).map((component) => versionOf(component, component.node)),
      ...this.#summariesFor(directory, pair, ownSummaries).map((summary) => versionOf(summary, null)),
    ];
  }

  /**
   * Compares what `peer` said that it holds (`versionsFor` there) with what is held here.
   *
   * @param versions not trusted: what the pair may not compare notes on is passed over
   * @param ownSummaries as for `versionsFor`
   */
  newerThan(
    versions: readonly StatusVersion[],
    peer: NodeId,
    directory: Directory,
    self: NodeId,
    ownSummaries: readonly GroupSummary[],
  ): Repair {
    const pair = { left: self, right: peer };
    const there = new Map(versions.map((version) => [keyOf(version.node, version.group), version]));
    const components = this.#componentsFor(directory, pair).filter((component) =>
      isNewer(component, there.get(keyOf(component.node, component.group))),
    );
    const summaries = this.#summariesFor(directory, pair, ownSummaries).filter(
      (summary) => mayHoldSummary(summary, directory, peer) && isNewer(summary, there.get(keyOf(null, summary.group))),
    );
    const wanted = versions.some((version) => this.#isWanted(version, directory, pair));
    return { components, summaries, wanted };
  }

  /** Pairs compare notes again and again, mostly about the same. */
  #componentsFor(directory: Directory, pair: Pair): readonly StatusComponent[] {
    if (directory !== this.#sharedBy) this.#shared.clear();
    this.#sharedBy = directory;
    const known = this.#shared.get(pair.right);
    if (known !== undefined) return known;
    const found = this.#findComponentsFor(directory, pair);
    this.#shared.set(pair.right, found);
    return found;
  }

  #findComponentsFor(directory: Directory, pair: Pair): readonly StatusComponent[] {
    const nodes = [...this.#components.keys()].filter((node) => sharesStatusOf(node, directory, pair));
    const components = nodes.toSorted(compareNames).flatMap((node) => this.components(node));
    return components.filter((component) => mayHoldComponent(component, directory, pair.right));
  }

  #summariesFor(directory: Directory, pair: Pair, ownSummaries: readonly GroupSummary[]): readonly GroupSummary[] {
    const own = ownSummaries.filter(({ group }) => directory.owns(pair.left, group));
    const held = [...this.#summaries.values()].filter((summary) => mayHoldSummary(summary, directory, pair.left));
    return byGroup([...own, ...held]).filter(({ group }) => sharesSummaryOf(group, directory, pair));
  }

  /** A summary of a group that this node owns is never wanted: the group's own log is the authority. */
  #isWanted(version: StatusVersion, directory: Directory, pair: Pair): boolean {
    const { node, group } = version;
    if (node === null) {
      const isShared = sharesSummaryOf(group, directory, pair) && mayHoldSummary(version, directory, pair.left);
      return isShared && isNewer(version, this.#summaries.get(group));
    }
    const isShared =
      sharesStatusOf(node, directory, pair) && mayHoldComponent({ ...version, node }, directory, pair.left);
    return isShared && isNewer(version, this.#components.get(node)?.get(group));
  }
}

function isNewer(candidate: Version, known: Version | undefined): boolean {
  if (known === undefined) return true;
  if (candidate.incarnation !== known.incarnation) return candidate.incarnation > known.incarnation;
  return candidate.index > known.index;
}

function versionOf(version: Version, node: NodeId | null): StatusVersion {
  return { group: version.group, incarnation: version.incarnation, node, index: version.index };
}

/** Names hold no blank, so the pair is unambiguous. */
function keyOf(node: NodeId | null, group: GroupId): string {
  return node === null ? group : `${node} ${group}`;
}

function byGroup<Item extends GroupKey>(items: readonly Item[]): readonly Item[] {
  return items.toSorted((left, right) => compareNames(left.group, right.group));
}
