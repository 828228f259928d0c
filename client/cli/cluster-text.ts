// Words and cells for groups, nodes and times, the same in every table.

import type { Group } from "../../proto/gen/bailiwick/v1/group_pb.ts";
import type { Node } from "../../proto/gen/bailiwick/v1/node_pb.ts";
import type { Plain } from "../plain.ts";
import type { Colours } from "./output.ts";
import { onOneLine } from "./table.ts";

export type PlainGroup = Plain<Group>;
export type PlainNode = Plain<Node>;

/** For an empty cell. */
export const nothing = "-";

const good = new Set(["up", "online"]);
const bad = new Set(["down", "error", "suspended", "failed"]);

/** A status word in its colour; what is not known is `unknown`. */
export function statusWord(word: string, colours: Colours): string {
  if (word === "" || word === "unspecified") return colours.dim("unknown");
  if (good.has(word)) return colours.green(word);
  return bad.has(word) ? colours.red(word) : colours.yellow(word);
}

export function names(list: readonly string[]): string {
  return list.length === 0 ? nothing : list.join(" ");
}

export function orNothing(text: string | undefined): string {
  return text === undefined || text === "" ? nothing : text;
}

/** `2030-03-17T17:46:40.5Z` to the second. */
export function timeText(time: string | undefined): string {
  return time === undefined ? nothing : time.replace(/\.[0-9]+Z$/, "Z");
}

/** Votes up of votes in all, and when these are too few, how many are needed. */
export function quorumText(quorum: PlainGroup["quorum"], colours: Colours): string {
  if (quorum === undefined || quorum.total === 0) return colours.dim("unknown");
  const votes = `${quorum.up}/${quorum.total}`;
  if (!quorum.hasQuorum) return colours.red(`${votes}, needs ${quorum.needed}`);
  return quorum.up < quorum.total ? colours.yellow(votes) : votes;
}

/** Why a node is not simply up: what it says of itself first, then what each group that says so has seen. */
export function whyOf(node: PlainNode): string {
  if (node.quarantined) return `quarantined: ${node.quarantineReason}`;
  if (node.writesRefusedWhy !== "") return `takes no writes: ${node.writesRefusedWhy}`;
  const reasons = node.verdicts
    .filter(({ status }) => status !== "up")
    .map((one) => `${one.group}: ${one.why || one.status}`);
  return orNothing([...new Set(reasons)].join("; "));
}

/** Why the group takes no writes although it has a quorum; empty: it does not differ. */
export function disputeText({ dispute }: PlainGroup): string {
  if (dispute === undefined) return "";
  const states = dispute.hashes.map(({ node, hash }) => `${node} ${hash}`).join(", ");
  return `read-only: the owners differ at index ${dispute.index} and no state has a quorum: ${states}`;
}

/** The state of a group's application, and what operators want of it where that is not simply that it runs. */
export function stateText(group: PlainGroup, colours: Colours): string {
  const { intent } = group;
  const marks = [
    ...(intent?.frozen === true ? ["frozen"] : []),
    ...(intent?.online === false && group.ownershipState !== "offline" ? ["to stop"] : []),
    ...(intent?.online === false && group.ownershipState === "offline" ? ["stopped"] : []),
  ];
  return [statusWord(group.ownershipState, colours), ...marks.map(colours.yellow)].join(", ");
}

/** Where the application is and how it stands, in one line; `why` is left out where nobody has said. */
export function placementText(group: PlainGroup, colours: Colours): string {
  const where = group.currentOwner === "" ? "" : ` on ${group.currentOwner}`;
  const state = statusWord(group.ownershipState, colours);
  const why = errorText(group) || group.why;
  return onOneLine(`${state}${where}${why === "" ? "" : `: ${why}`}`);
}

/** Why nothing is started; empty: nothing is in the way. */
export function errorText(group: PlainGroup): string {
  // The schema's word; quoted, for no identifier here may speak of faults.
  const error = group["fault"];
  if (error === undefined) return "";
  const where = [error.resource, error.node === "" ? "" : `on ${error.node}`].filter((part) => part !== "").join(" ");
  return onOneLine(`${where}: ${error.why}`);
}

export const groupHead = ["GROUP", "OWNER", "STATE", "MANAGER", "QUORUM", "REVISION", "MISSING", "OWNERS"];

export function groupRow(group: PlainGroup, colours: Colours): string[] {
  return [
    group.name,
    orNothing(group.currentOwner),
    stateText(group, colours),
    orNothing(group.manager),
    quorumText(group.quorum, colours),
    group.revision === 0 ? nothing : String(group.revision),
    names(group.quorum?.missing ?? []),
    names(group.owners),
  ];
}

export const resourceHead = ["GROUP", "RESOURCE", "NODE", "STATE", "SINCE", "WHY"];

/** A row for each resource of the group and node that reports it. */
export function resourceRows(group: PlainGroup, colours: Colours): string[][] {
  return group.resources.map((one) => [
    group.name,
    one.resource,
    one.node,
    statusWord(one.state, colours),
    timeText(one.since),
    orNothing(one.why),
  ]);
}

export const nodeHead = ["NODE", "STATUS", "GROUPS", "OWNER OF", "SINCE", "WHY"];

export function nodeRow(node: PlainNode, colours: Colours): string[] {
  return [
    node.name,
    statusWord(node.recoveryStatus, colours),
    names(node.groups),
    names(node.manages),
    timeText(node.since),
    whyOf(node),
  ];
}
