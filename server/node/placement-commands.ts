// The commands of a group's log about where its application runs, and under which right. The epoch grows with each new right,
// and with nothing else of these: it is the fencing token (D2).

import type { GroupCommand } from "../../proto/commands.ts";
import type { Failure } from "../../proto/errors.ts";
import type { LogIndex } from "../../proto/ids.ts";
import type { Ownership } from "../../proto/model.ts";
import type { Confirmation, GroupWish } from "../../proto/placement.ts";
import { withAdviceNoted, withWishNoted } from "../recovery/decisions.ts";
import {
  asAdvice,
  confirmedOwnership,
  refuseWish,
  type Wished,
  withAdvance,
  withAssignment,
  withConfirmation,
  withFailure,
  withStarts,
  withWish,
} from "../recovery/placement-record.ts";
import { GroupPlacement } from "./group-placement.ts";
import type { PlainOutcome } from "./session-commands.ts";
import type { StateRows } from "./state-rows.ts";

type Command<Type extends GroupCommand["type"]> = Extract<GroupCommand, { readonly type: Type }>;
export type PlacementCommand = Command<"own" | "assign" | "advance" | "failPlacement" | "noteStarts">;

type OwnershipCommand = Exclude<PlacementCommand, { readonly type: "noteStarts" }>;

export interface PlacementRules {
  /** The group at this point of its history, but for the record that is kept here. */
  readonly group: () => Omit<Wished, "placement">;
  readonly setOwnership: (ownership: Ownership, index: LogIndex) => void;
  /** Why nothing that a client asked for takes effect now; null: it does. */
  readonly lock: () => Failure | null;
}

const decided: PlainOutcome = { type: "decided" };

export class PlacementCommands {
  readonly record: GroupPlacement;
  readonly #rules: PlacementRules;

  constructor(rows: StateRows, rules: PlacementRules) {
    this.record = new GroupPlacement(rows);
    this.#rules = rules;
  }

  /** Of two proposals the first wins: the other one is of an epoch that is over. */
  apply(command: PlacementCommand, index: LogIndex): PlainOutcome {
    const { ownership } = this.#rules.group();
    if (command.type === "noteStarts") return this.#noteStarts(command, ownership);
    const next = nextOwnership(command, ownership);
    if (next === null) return decided;
    this.#note(command, ownership, index);
    this.#rules.setOwnership(next, index);
    return decided;
  }

  wish(command: Command<"wish">, index: LogIndex): PlainOutcome {
    const { wish } = command;
    const refusal = this.#rules.lock() ?? this.refuse(wish);
    if (refusal !== null) return { type: "refused", failure: refusal };
    const { ownership } = this.#rules.group();
    const wanted = withWish(wish, this.record.value, ownership.currentOwner !== null);
    this.record.set(wish.type === "confirm" ? wanted : withWishNoted(wanted, ownership, command, index));
    if (wish.type === "confirm") this.#confirm({ ...command, wish }, ownership, index);
    return decided;
  }

  #confirm(command: Command<"wish"> & { readonly wish: Confirmation }, before: Ownership, index: LogIndex): void {
    this.record.set(withConfirmation(command, this.record.value, before, index));
    const next = confirmedOwnership(command.wish, before);
    if (next !== before) this.#rules.setOwnership(next, index);
  }

  /** Why the wish would not be carried out now; null: it would. */
  refuse(wish: GroupWish): Failure | null {
    return refuseWish(wish, { ...this.#rules.group(), placement: this.record.value });
  }

  #noteStarts({ epoch, starts }: Command<"noteStarts">, { epoch: present, currentOwner }: Ownership): PlainOutcome {
    const isHeld = epoch === present && currentOwner !== null;
    if (isHeld) this.record.set(withStarts(this.record.value, starts));
    return decided;
  }

  #note(command: OwnershipCommand, before: Ownership, index: LogIndex): void {
    const placement = this.record.value;
    if (command.type === "own") this.record.set(asAdvice(withAdviceNoted(placement, before, command, index)));
    else if (command.type === "assign") this.record.set(withAssignment(placement, before, command, index));
    else if (command.type === "advance") this.record.set(withAdvance(placement, before, command, index));
    else if (command.type === "failPlacement") this.record.set(withFailure(placement, command, index));
  }
}

/** null: the command comes too late. */
function nextOwnership(command: OwnershipCommand, { currentOwner, epoch, state }: Ownership): Ownership | null {
  switch (command.type) {
    case "own":
    case "assign": {
      if (command.epoch !== epoch + 1) return null;
      if (command.type === "own") {
        const { currentOwner: owner, state: then, reason } = command;
        return { currentOwner: owner, epoch: command.epoch, state: then, reason };
      }
      return { currentOwner: command.owner, epoch: command.epoch, state: "acquiring", reason: command.reason };
    }
    case "advance": {
      if (command.epoch !== epoch) return null;
      // The right of an epoch is one owner's: it ends with nobody, and never comes back.
      if (command.owner !== null && command.owner !== currentOwner) return null;
      return { currentOwner: command.owner, epoch, state: command.state, reason: command.reason };
    }
    case "failPlacement": {
      if (command.epoch !== epoch) return null;
      return { currentOwner, epoch, state: command.isFinal ? "error" : state, reason: command.error.reason };
    }
  }
}
