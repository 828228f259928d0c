// All that each group has committed, in order, taken from what its replicas wrote before they applied it: the history of a
// group is here when none of its present owners was there from the beginning.

import type { NodeId } from "../../../proto/ids.ts";
import { demand } from "../violation.ts";
import type { GroupName, MirroredEntry, MirroredMembership, ReplicaMirror } from "./replica-mirror.ts";

export interface CommittedEntry extends MirroredEntry {
  /** When a replica first held it to be committed, on the world's clock. */
  readonly committedMs: number;
}

interface CommittedLog {
  /** From the first entry of the group on, or from behind what was forgotten. */
  entries: CommittedEntry[];
  through: number;
  readonly memberships: MirroredMembership[];
}

export class CommittedLogs {
  readonly #mirror: ReplicaMirror;
  readonly #clock: { readonly nowMs: number };
  readonly #groups = new Map<GroupName, CommittedLog>();

  constructor(mirror: ReplicaMirror, clock: { readonly nowMs: number }) {
    this.#mirror = mirror;
    this.#clock = clock;
  }

  /** `node` holds its log to be committed up to `index`. */
  take(node: NodeId, group: GroupName, index: number): void {
    const log = this.#group(group);
    while (log.through < index) {
      const entry = this.#mirror.entryAt(node, group, log.through + 1);
      // Compacted here: whoever applied it shows it.
      if (entry === null) return;
      log.entries.push({ ...entry, committedMs: this.#clock.nowMs });
      log.through += 1;
      if (entry.membership !== null) log.memberships.push({ index: log.through, value: entry.membership });
    }
  }

  /** All that the group ever committed. */
  all(group: GroupName): readonly CommittedEntry[] {
    const { through, entries } = this.#group(group);
    demand(entries.length === through, "committed log", () => `${group}: its first entries are forgotten`);
    return entries;
  }

  /** All that were committed since the group began, the newest last. */
  memberships(group: GroupName): readonly MirroredMembership[] {
    return this.#group(group).memberships;
  }

  /** Drops all entries, so that a run of any length takes the same memory. */
  forget(): void {
    for (const log of this.#groups.values()) log.entries = [];
  }

  #group(group: GroupName): CommittedLog {
    const known = this.#groups.get(group);
    if (known !== undefined) return known;
    const made: CommittedLog = { entries: [], through: 0, memberships: [] };
    this.#groups.set(group, made);
    return made;
  }
}
