// What operators want of a group's application, at its manager: what would be refused is refused before it is logged, and an
// owner that has no room is asked before anything waits for it. The log has the last word.

import { failure } from "../../proto/errors.ts";
import type { Millis } from "../../proto/ids.ts";
import type { GroupWish } from "../../proto/placement.ts";
import type { GroupRequest } from "../../proto/requests.ts";
import type { Call } from "./calls.ts";
import { failed, type GroupReplica, headerOf } from "./group-replies.ts";
import type { PlacementKeeper } from "./placement-keeper.ts";
import type { World } from "./world.ts";

type WishRequest = GroupRequest & { readonly type: "wish" };

export interface WishesOwner {
  /** There is something to do in this step. */
  readonly touched: () => void;
  /** @returns false when this member leads no more */
  readonly write: (call: Call, request: WishRequest, nowMs: Millis) => boolean;
}

export class Wishes {
  readonly #world: World;
  readonly #replica: GroupReplica;
  readonly #placement: PlacementKeeper;
  readonly #owner: WishesOwner;

  constructor(world: World, replica: GroupReplica, placement: PlacementKeeper, owner: WishesOwner) {
    this.#world = world;
    this.#replica = replica;
    this.#placement = placement;
    this.#owner = owner;
  }

  /** @returns false when the leader has to serve it */
  serve(call: Call, request: WishRequest, nowMs: Millis): boolean {
    if (this.#replica.role !== "leader") return false;
    const { state } = this.#replica;
    const refusal = state.refuseWish(request.wish) ?? this.#placement.refuseWish(request.wish, nowMs);
    if (refusal !== null) {
      this.#world.calls.answer(call.key, failed(refusal));
      return true;
    }
    return this.whereRoomIs(call, request.wish, () => {
      if (!request.validateOnly) return this.#owner.write(call, request, nowMs);
      const header = headerOf(this.#replica.state, this.#world.self, false);
      this.#world.calls.answer(call.key, { type: "wish", header });
      return true;
    });
  }

  /**
   * A move to an owner whose ledger does not admit it would only be waited for. A ledger that does not answer stands in no way.
   *
   * @param proceed @returns false when this member leads no more
   */
  whereRoomIs(call: Call, wish: GroupWish, proceed: () => boolean): boolean {
    const to = wish.type === "move" && this.#placement.isLeased ? wish.to : null;
    if (to === null) return proceed();
    const { group } = this.#replica.key;
    this.#placement.assess(to, (reason) => {
      if (this.#world.calls.get(call.key) === null) return;
      this.#owner.touched();
      const message = `${group} cannot move to ${to}: ${reason}`;
      if (reason !== null) {
        this.#world.calls.answer(call.key, failed(failure("condition_failed", message, { group, node: to })));
      } else if (!proceed()) {
        const changed = `The manager of ${group} changed before the move was decided; it did not happen`;
        this.#world.calls.answer(call.key, failed(failure("no_leader", changed, { group })));
      }
    });
    return true;
  }
}
