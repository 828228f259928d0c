// What a group remembers of decisions about its ownership, and of what operators wanted of it: who, when, what and why (H5).

import type { GroupCommand } from "../../proto/commands.ts";
import type { LogIndex, NodeId } from "../../proto/ids.ts";
import type { Ownership } from "../../proto/model.ts";
import type { DecisionKind, GroupWish, Placement, PlacementDecision } from "../../proto/placement.ts";

type Command<Type extends GroupCommand["type"]> = Extract<GroupCommand, { readonly type: Type }>;

/** Of decisions, and of notes. */
const kept = 20;

/** The rules go on from the latest ones. */
export function withDecision(decision: PlacementDecision, placement: Placement): Placement {
  return { ...placement, decisions: [...placement.decisions, decision].slice(-kept) };
}

/** What an earlier version decided is kept as that version kept it: replicas must agree, whichever of them applied it. */
export function toldBy({ manager }: { readonly manager: NodeId | null }, what: DecisionKind) {
  return { what: manager === null ? null : what, manager, who: "" };
}

/** @param placement as the wish has made it */
export function withWishNoted(placement: Placement, before: Ownership, command: Command<"wish">, index: LogIndex) {
  const { wish, who, why, manager, atMs } = command;
  const { currentOwner: from } = before;
  const reason = wish.type === "freeze" ? wish.reason : why;
  const made = { index, atMs, epoch: null, from, to: destinationOf(wish, from), isWish: true, reason, samples: [] };
  return withNote({ ...made, what: wishKinds[wish.type], manager, who }, placement);
}

/** Nobody is granted anything by advice: it is no decision on which the rules go on. @param placement as of before */
export function withAdviceNoted(placement: Placement, before: Ownership, command: Command<"own">, index: LogIndex) {
  const { currentOwner: to, epoch, state, reason, atMs } = command;
  const isWish = isWished(placement, to);
  const made = { index, atMs, epoch, from: before.currentOwner, to, isWish, reason, samples: [] };
  return withNote({ ...made, ...toldBy(command, to === null ? state : "assigned") }, placement);
}

function withNote(note: PlacementDecision, placement: Placement): Placement {
  return note.manager === null ? placement : { ...placement, notes: [...placement.notes, note].slice(-kept) };
}

const wishKinds = {
  move: "moveWanted",
  start: "startWanted",
  stop: "stopWanted",
  freeze: "frozen",
  unfreeze: "unfrozen",
  clearError: "errorCleared",
  confirm: "confirmed",
} as const satisfies Record<GroupWish["type"], DecisionKind>;

function destinationOf(wish: GroupWish, currentOwner: NodeId | null): NodeId | null {
  if (wish.type === "move") return wish.to;
  if (wish.type === "start") return wish.on;
  return wish.type === "stop" ? null : currentOwner;
}

/** It is where an operator wants it, or nowhere where that is wanted. */
function isWished({ intent, move }: Placement, owner: NodeId | null): boolean {
  if (owner === null) return !intent.isOnline;
  return move !== null && (move.to === null || move.to === owner);
}
