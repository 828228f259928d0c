// What a group's log keeps of its placement beside the ownership, and how each command changes it. Every replica does the same
// with the same command: nothing but the record and the command counts.

import type { GroupCommand } from "../../proto/commands.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import { compareNames, type GroupId, type LogIndex, type NodeId } from "../../proto/ids.ts";
import type { Ownership, StatusComponent } from "../../proto/model.ts";
import type { Confirmation, GroupError, GroupIntent, GroupWish, OwnerStart, Placement } from "../../proto/placement.ts";
import { toldBy, withDecision } from "./decisions.ts";
import { chooseOwner } from "./placement.ts";
import { lastOwner } from "./placement-facts.ts";
import { reasonText } from "./reason.ts";

type Command<Type extends GroupCommand["type"]> = Extract<GroupCommand, { readonly type: Type }>;

/** Moves that are remembered: as many as the anti-flap limit may count. */
const movesKept = 101;

/** Of a group of which nobody has wanted anything, and nothing has happened. */
export const unplaced: Placement = {
  intent: { isOnline: true, frozen: null, pinnedTo: null },
  lease: null,
  move: null,
  target: null,
  error: null,
  bans: [],
  movesMs: [],
  decisions: [],
  starts: [],
  notes: [],
};

/** The group when a wish reaches it. */
export interface Wished {
  readonly group: GroupId;
  readonly owners: readonly NodeId[];
  readonly verdicts: readonly StatusComponent[];
  readonly ownership: Ownership;
  readonly placement: Placement;
}

/** Why the wish is not carried out; null: it is. */
export function refuseWish(wish: GroupWish, wished: Wished): Failure | null {
  const why = reasonAgainst(wish, wished);
  return why === null ? null : failure("condition_failed", why, { group: wished.group });
}

/** The record once the wish is carried out. @param isOwned somebody is the group's current owner */
export function withWish(wish: GroupWish, { intent, ...rest }: Placement, isOwned: boolean): Placement {
  switch (wish.type) {
    case "move":
      return { ...rest, intent: { ...intent, pinnedTo: wish.to }, move: { to: wish.to } };
    case "start":
      // Whatever it was held back for, it is not any more.
      return {
        ...rest,
        intent: { ...intent, isOnline: true, pinnedTo: wish.on },
        move: startTo(wish.on, isOwned),
        target: isOwned ? rest.target : null,
        starts: [],
      };
    case "stop":
      return { ...rest, intent: { ...intent, isOnline: false, pinnedTo: null }, move: null, target: null };
    case "freeze":
      return { ...rest, intent: { ...intent, frozen: wish.reason } };
    case "unfreeze":
      return { ...rest, intent: { ...intent, frozen: null } };
    case "clearError":
      return { ...rest, intent, error: null, bans: [], movesMs: wish.forgetMoves ? [] : rest.movesMs };
    case "confirm":
      return { ...rest, intent: { ...intent, frozen: null } };
  }
}

/** The ownership once an operator has confirmed that it runs nowhere but on one node; the same when that has the right. */
export function confirmedOwnership({ onlyOn, reason }: Confirmation, ownership: Ownership): Ownership {
  if (ownership.currentOwner === null || ownership.currentOwner === onlyOn) return ownership;
  return { ...ownership, currentOwner: null, state: "offline", reason: confirmedText(onlyOn, reason) };
}

/** What is confirmed is a decision, of which somebody may have to give account. It starts where it may run already. */
export function withConfirmation(
  command: Command<"wish"> & { readonly wish: Confirmation },
  placement: Placement,
  before: Ownership,
  index: LogIndex,
): Placement {
  const { onlyOn, reason, atMs } = command.wish;
  const from = before.currentOwner;
  const to = from === onlyOn ? from : null;
  const text = confirmedText(onlyOn, reason);
  const made = { index, atMs, epoch: null, from, to, isWish: true, reason: text, samples: [] };
  const decision = { ...made, ...toldBy(command, "confirmed"), who: command.who };
  return withDecision(decision, { ...placement, target: from === onlyOn ? placement.target : onlyOn });
}

function confirmedText(onlyOn: NodeId, reason: string): string {
  return reasonText(`An operator confirmed that it runs only on ${onlyOn}${reason === "" ? "" : `: ${reason}`}`);
}

/** An ownership without a lease: nobody is granted anything. */
export function asAdvice(placement: Placement): Placement {
  if (placement.lease === null && placement.move === null && placement.target === null) return placement;
  return { ...placement, lease: null, move: null, target: null };
}

/** A wish whose end has come counts no more, and a move that nobody asked for counts for the limit. */
export function withAssignment(placement: Placement, before: Ownership, command: Command<"assign">, index: LogIndex) {
  const { owner, epoch, reason, atMs, isMove, isWish, lease, samples } = command;
  const made = { index, atMs, epoch, from: before.currentOwner, to: owner, isWish, reason, samples };
  const decision = { ...made, ...toldBy(command, "assigned") };
  return withDecision(decision, {
    ...placement,
    intent: intentAfter(placement, before, command),
    lease,
    move: null,
    target: null,
    movesMs: isMove ? [...placement.movesMs, atMs].slice(-movesKept) : placement.movesMs,
  });
}

/** @param placement as of before the assignment */
export function intentAfter(
  placement: Placement,
  before: Ownership,
  { owner, isMove }: Pick<Command<"assign">, "owner" | "isMove">,
): GroupIntent {
  const { intent, move, target } = placement;
  const from = lastOwner({ ownership: before, placement });
  // An operator wanted it to leave, and so it has: fallback would take it back at once.
  if (move?.to === null && target !== null && owner !== from) return { ...intent, pinnedTo: owner };
  // Fallback goes by the list again once the application has left the owner that it was moved to, for whatever reason.
  const hasLeft = isMove || (move === null && from === intent.pinnedTo);
  return hasLeft && intent.pinnedTo !== owner ? { ...intent, pinnedTo: null } : intent;
}

export function withAdvance(placement: Placement, before: Ownership, command: Command<"advance">, index: LogIndex) {
  const { owner, to, state, reason, atMs } = command;
  const decision = {
    index,
    atMs,
    epoch: null,
    from: before.currentOwner,
    to: owner,
    isWish: false,
    reason,
    samples: [],
    ...toldBy(command, state),
  };
  // What was decided when it began to stop holds until it has.
  return withDecision(decision, { ...placement, target: state === "releasing" ? to : (to ?? placement.target) });
}

/** The latest failure on an owner is the one that is told. */
export function withFailure(placement: Placement, command: Command<"failPlacement">, index: LogIndex): Placement {
  const { error, isFinal } = command;
  const { node, reason, atMs } = error;
  const made = { index, atMs, epoch: null, from: node, to: node, isWish: false, reason, samples: [] };
  const decision = { ...made, ...toldBy(command, isFinal ? "error" : "failed") };
  const bans = [...placement.bans.filter((ban) => ban.node !== node), error];
  return withDecision(decision, {
    ...placement,
    bans,
    move: null,
    target: null,
    error: isFinal ? error : placement.error,
  });
}

/** The starts of owners that are not named are as they were. */
export function withStarts(placement: Placement, starts: readonly OwnerStart[]): Placement {
  const others = placement.starts.filter(({ node }) => !starts.some((start) => start.node === node));
  return {
    ...placement,
    starts: [...others, ...starts].toSorted((left, right) => compareNames(left.node, right.node)),
  };
}

/** Of nodes that own the group no more nothing is kept but what was decided. */
export function withOwners(placement: Placement, owners: readonly NodeId[]): Placement {
  const { intent, move, target } = placement;
  const isOwner = (node: NodeId | null) => node === null || owners.includes(node);
  if (
    isOwner(target) &&
    isOwner(intent.pinnedTo) &&
    isOwner(move?.to ?? null) &&
    [...placement.bans, ...placement.starts].every(({ node }) => isOwner(node))
  ) {
    return placement;
  }
  return {
    ...placement,
    intent: isOwner(intent.pinnedTo) ? intent : { ...intent, pinnedTo: null },
    move: isOwner(move?.to ?? null) ? move : null,
    target: isOwner(target) ? target : null,
    bans: placement.bans.filter(({ node }) => isOwner(node)),
    starts: placement.starts.filter(({ node }) => isOwner(node)),
  };
}

function reasonAgainst(wish: GroupWish, wished: Wished): string | null {
  const { group, placement } = wished;
  const { frozen } = placement.intent;
  switch (wish.type) {
    case "move":
      return hindrance(wished) ?? againstMove(wish, wished);
    case "start":
      return hindrance(wished) ?? (wish.on === null ? null : againstOwner(wish.on, wished));
    case "stop":
      return frozen === null ? null : frozenText(group, frozen);
    case "freeze":
      return null;
    case "unfreeze":
      return frozen === null ? `The group ${group} is not frozen` : null;
    case "clearError":
      return placement.error === null && placement.bans.length === 0 ? `The group ${group} has no error` : null;
    case "confirm":
      return againstConfirmation(wish, wished);
  }
}

/** It is of one epoch: what was made sure of then says nothing of a later right. */
function againstConfirmation({ onlyOn, ifEpoch }: Confirmation, wished: Wished): string | null {
  const { group, ownership, owners, placement } = wished;
  const { currentOwner, epoch } = ownership;
  if (ifEpoch !== null && ifEpoch !== epoch) return `The group ${group} is at epoch ${epoch}, not at ${ifEpoch}`;
  if (!owners.includes(onlyOn)) return noOwnerText(onlyOn, wished);
  const isOwned = currentOwner !== null && currentOwner !== onlyOn;
  return isOwned || placement.intent.frozen !== null
    ? null
    : `Nobody but ${onlyOn} has the right to run ${group}: there is nothing to confirm`;
}

function hindrance({ group, placement: { intent, error } }: Wished): string | null {
  if (intent.frozen !== null) return frozenText(group, intent.frozen);
  return error === null ? null : `The group ${group} is in error (${errorText(error)}): clear it first`;
}

function againstMove({ to, ifEpoch }: Extract<GroupWish, { readonly type: "move" }>, wished: Wished): string | null {
  const { group, ownership, owners, placement } = wished;
  if (!placement.intent.isOnline) return `The group ${group} is stopped: start it where it is to run`;
  if (ifEpoch !== null && ifEpoch !== ownership.epoch) {
    return `The group ${group} is at epoch ${ownership.epoch}, not at ${ifEpoch}`;
  }
  if (to !== null)
    return to === ownership.currentOwner ? `The group ${group} is on ${to} already` : againstOwner(to, wished);
  const others = owners.filter((owner) => owner !== ownership.currentOwner);
  return chooseOwner({ ...wished, owners: others }) === null ? `No other owner of ${group} is up` : null;
}

function noOwnerText(node: NodeId, { group, owners }: Pick<Wished, "group" | "owners">): string {
  return `The node ${node} is no owner of ${group}: its owners are ${owners.join(", ")}`;
}

function againstOwner(node: NodeId, { group, owners, verdicts, placement }: Wished): string | null {
  if (!owners.includes(node)) return noOwnerText(node, { group, owners });
  const ban = placement.bans.find((each) => each.node === node);
  if (ban !== undefined) return `${group} has failed on ${node} (${errorText(ban)}): clear it first`;
  const status = verdicts.find((verdict) => verdict.node === node)?.status ?? "joining";
  return status === "up" ? null : `The node ${node} is ${status}, by the verdict of ${group}`;
}

function frozenText(group: GroupId, reason: string): string {
  return `The group ${group} is frozen${reason === "" ? "" : ` (${reason})`}: unfreeze it first`;
}

function errorText({ node, resource, reason }: GroupError): string {
  return `${resource === "" ? "" : `${resource} `}on ${node}: ${reason}`;
}

/** An operator's word is needed where policies wait for one; what runs already need not move for it. */
function startTo(node: NodeId | null, isOwned: boolean): Placement["move"] {
  return node === null && isOwned ? null : { to: node };
}
