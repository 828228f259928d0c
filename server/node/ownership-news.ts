// Lets the agent of this node know at once when a group gives its application to the node or takes it from there: else that
// would be heard with the next report. Nothing rests on it, for reports come at their intervals all the same.

import type { GroupId } from "../../proto/ids.ts";
import type { Ownership } from "../../proto/model.ts";
import type { Request } from "../../proto/requests.ts";
import type { Call } from "./calls.ts";
import type { World } from "./world.ts";

type AwaitRequest = Request & { readonly type: "awaitOwnership" };

export class OwnershipNews {
  readonly #world: World;
  /** Begins anew with the node: an agent begins anew with a connection. */
  #change = 1;
  /** By group, of those that this node is to run: under which epoch, and whether it is to go on. */
  readonly #words = new Map<GroupId, string>();
  /** Calls that wait; some may have ended since. */
  readonly #waiting = new Set<number>();

  constructor(world: World) {
    this.#world = world;
  }

  await({ key }: Call, { after }: AwaitRequest): void {
    if (after !== this.#change) return this.#answer(key);
    for (const other of this.#waiting) if (this.#world.calls.get(other) === null) this.#waiting.delete(other);
    this.#waiting.add(key);
  }

  /** The log of a group says so now, here. */
  heard(group: GroupId, ownership: Ownership): void {
    const word = this.#wordOf(ownership);
    if ((this.#words.get(group) ?? null) === word) return;
    if (word === null) this.#words.delete(group);
    else this.#words.set(group, word);
    this.#change += 1;
    for (const key of this.#waiting) this.#answer(key);
    this.#waiting.clear();
  }

  #answer(key: number): void {
    this.#world.calls.answer(key, { type: "awaitOwnership", change: this.#change });
  }

  /** null: it is another node's, or nobody's. */
  #wordOf({ currentOwner, epoch, state }: Ownership): string | null {
    if (currentOwner !== this.#world.self) return null;
    return state === "acquiring" || state === "online" ? `${epoch} goes on` : `${epoch} ends`;
  }
}
