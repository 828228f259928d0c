// The groups around those of this node, as whoever decides where one of them runs looks at them: read once for all of them, and
// anew only where a group has told something else of itself. With many groups on a node it is nearly all that deciding costs.

import type { GroupObject, GroupSummary } from "../../proto/model.ts";
import type { Neighbour } from "../recovery/placement-view.ts";
import { policiesIn } from "./group-policies.ts";

/** Each gives the same list as long as it says the same. */
export interface NeighbourSources {
  /** Of groups that this node does not own. */
  readonly elsewhere: () => readonly GroupSummary[];
  /** Groups of this node know of each other without being told. */
  readonly here: () => readonly GroupSummary[];
}

export class Neighbourhood {
  readonly #sources: NeighbourSources;
  #elsewhere: readonly GroupSummary[] = [];
  #here: readonly GroupSummary[] = [];
  #known: ReadonlyMap<GroupSummary, Neighbour> = new Map();
  #neighbours: readonly Neighbour[] = [];

  constructor(sources: NeighbourSources) {
    this.#sources = sources;
  }

  /** Groups that share an owner with this one, as far as they have told of themselves. */
  of({ group, owners }: Pick<GroupObject, "group" | "owners">): readonly Neighbour[] {
    this.#follow();
    return this.#neighbours.filter((each) => each.group !== group && each.owners.some((node) => owners.includes(node)));
  }

  /** What a group tells of itself, as its neighbours see it. */
  read(summary: GroupSummary): Neighbour {
    return this.#known.get(summary) ?? read(summary);
  }

  #follow(): void {
    const elsewhere = this.#sources.elsewhere();
    const here = this.#sources.here();
    if (elsewhere === this.#elsewhere && here === this.#here) return;
    this.#elsewhere = elsewhere;
    this.#here = here;
    this.#known = new Map([...elsewhere, ...here].map((summary) => [summary, this.read(summary)]));
    this.#neighbours = [...this.#known.values()];
  }
}

function read({ group, owners, ownership, placement }: GroupSummary): Neighbour {
  return { group, owners, ownership, policies: policiesIn(placement) };
}
