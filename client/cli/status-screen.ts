// The screen of `bailiwick status`: summary, nodes, groups with their resources, what failed, what is under way, what happened, and
// what did not answer. For people wherever it goes.

import type { EventsAnswer, StatusAnswer } from "../cluster-calls.ts";
import {
  disputeText,
  groupHead,
  groupRow,
  names,
  nodeHead,
  nodeRow,
  nothing,
  orNothing,
  type PlainGroup,
  quorumText,
  resourceHead,
  resourceRows,
  timeText,
} from "./cluster-text.ts";
import type { Output } from "./output.ts";
import { onOneLine } from "./table.ts";

/** What is known of the events, or why nothing is. */
export type ScreenEvents = Pick<EventsAnswer, "events" | "isMore"> | { readonly failed: string };

const shownEvents = 5;

export function statusScreen(output: Output, status: StatusAnswer, events: ScreenEvents): string {
  const sections = [
    summary(output, status, events),
    nodesSection(output, status),
    groupsSection(output, status),
    resourcesSection(output, status),
    failuresSection(output, status),
    pendingSection(output, status),
    eventsSection(output, events),
    unreachableSection(output, status),
  ];
  return sections.filter((section) => section !== "").join("\n");
}

function summary(output: Output, { cluster, header }: StatusAnswer, events: ScreenEvents): string {
  const { colours } = output;
  const id = header.clusterId.slice(0, 8);
  const name = cluster === undefined || cluster.name === "" ? id : `${cluster.name} ${colours.dim(`(${id})`)}`;
  const count = "failed" in events ? "unknown" : `${events.events.length}${events.isMore ? " or more" : ""}`;
  const index = cluster === undefined ? nothing : indexText(cluster);
  return output.aligned(
    ["Cluster", name],
    [
      ["answered by", header.node],
      ["coordinator", orNothing(cluster?.leader)],
      ["voters", `${names(cluster?.voters ?? [])}, quorum ${quorumText(cluster?.quorum, colours)}`],
      ["events", `${count}, up to index ${index}`],
    ],
  );
}

/** Where the answering node is behind, its picture of the cluster is too. */
function indexText({ index, newestIndex }: NonNullable<StatusAnswer["cluster"]>): string {
  return newestIndex > index ? `${index} of ${newestIndex}` : String(index);
}

function nodesSection(output: Output, { nodes }: StatusAnswer): string {
  const up = nodes.filter((node) => node.recoveryStatus === "up").length;
  return `${title(output, "Nodes", `${up} of ${nodes.length} up`)}${output.aligned(
    nodeHead,
    nodes.map((node) => nodeRow(node, output.colours)),
  )}`;
}

function groupsSection(output: Output, { groups }: StatusAnswer): string {
  const serving = groups.filter((group) => group.quorum?.hasQuorum === true).length;
  const note = groups.some((group) => group.ownershipAdvisory)
    ? "ownership advisory: for a moment two nodes may believe that they own a group\n"
    : "";
  const rows = groups.map((group) => groupRow(group, output.colours));
  const warnings = groups.flatMap((group) => warningsOf(group, output.colours)).map((line) => `${onOneLine(line)}\n`);
  const head = title(output, "Groups", `${serving} of ${groups.length} with a quorum`);
  return `${head}${output.aligned(groupHead, rows)}${warnings.join("")}${output.colours.dim(note)}`;
}

/** Why it serves or runs less than one might expect; what failed stands further down. */
function warningsOf(group: PlainGroup, colours: Output["colours"]): string[] {
  const { name, dispute, intent, ownershipState: state, why } = group;
  const isIdle = state === "suspended" || (state === "offline" && intent?.online !== false);
  return [
    ...(dispute === undefined ? [] : [colours.red(`${name} is ${disputeText(group)}`)]),
    ...(isIdle && why !== "" ? [colours.yellow(`${name} is ${state}: ${why}`)] : []),
    ...(intent?.frozen === true && intent.frozenWhy !== ""
      ? [colours.yellow(`${name} is frozen: ${intent.frozenWhy}`)]
      : []),
  ];
}

function resourcesSection(output: Output, { groups }: StatusAnswer): string {
  const rows = groups.flatMap((group) => resourceRows(group, output.colours));
  if (rows.length === 0) return "";
  const resources = groups.flatMap((group) => group.resources);
  const online = resources.filter(({ state }) => state === "online").length;
  return `${title(output, "Resources", `${online} of ${rows.length} online`)}${output.aligned(resourceHead, rows)}`;
}

/** What stands in the way now, of every group; then what happened lately. */
function failuresSection(output: Output, { groups, failures }: StatusAnswer): string {
  const standing = groups.flatMap(standingFailures);
  const isTold = (one: Failed) => standing.some((told) => told.group === one.group && told.node === one.node);
  const all = [...standing, ...failures.filter((one) => one.group === "" || !isTold(one))];
  if (all.length === 0) return "";
  const rows = all.map((one) => [
    timeText(one.time),
    ...[one.node, one.group, one.resource].map(orNothing),
    output.colours.red(one.what),
  ]);
  return `${title(output, "Failures")}${output.aligned(["TIME", "NODE", "GROUP", "RESOURCE", "WHAT"], rows)}`;
}

type Failed = Pick<StatusAnswer["failures"][number], "time" | "node" | "group" | "resource" | "what">;

function standingFailures(group: PlainGroup): Failed[] {
  // The schema's word; quoted, for no identifier here may speak of faults.
  const error = group["fault"];
  const failed = group.resources.filter(({ state }) => state === "failed");
  return [
    ...(error === undefined ? [] : [failureOf(group, error, `${error.why}; see group clear-fault`)]),
    ...failed.map((one) => failureOf(group, one, exitText(one))),
  ];
}

function failureOf(
  { name: group }: PlainGroup,
  { node, resource, since }: Pick<PlainGroup["resources"][number], "node" | "resource" | "since">,
  what: string,
): Failed {
  return { time: since, node, group, resource, what };
}

function exitText({ why, exitStatus, restarts }: PlainGroup["resources"][number]): string {
  const parts = [
    why,
    exitStatus === 0 ? "" : `exit status ${exitStatus}`,
    restarts === 0 ? "" : `restarts: ${restarts}`,
  ];
  return parts.filter((part) => part !== "").join(", ") || "failed";
}

function pendingSection(output: Output, { pending }: StatusAnswer): string {
  if (pending.length === 0) return "";
  const rows = pending.map((one) => [
    one.kind,
    orNothing(one.group),
    orNothing(one.node),
    timeText(one.since),
    one.percent === 0 ? nothing : `${one.percent}%`,
    one.what,
  ]);
  return `${title(output, "Under way")}${output.aligned(["KIND", "GROUP", "NODE", "SINCE", "DONE", "WHAT"], rows)}`;
}

function eventsSection(output: Output, events: ScreenEvents): string {
  if ("failed" in events) return `${title(output, "Events", `unknown: ${events.failed}`)}`;
  if (events.events.length === 0) return "";
  const rows = events.events
    .slice(0, shownEvents)
    .map((one) => [
      String(one.index),
      timeText(one.time),
      one.type,
      orNothing([one.node, one.group, one.network].filter((name) => name !== "").join(" ")),
      orNothing(one.why),
    ]);
  return `${title(output, "Events", "newest first")}${output.aligned(["INDEX", "TIME", "EVENT", "OF", "WHY"], rows)}`;
}

function unreachableSection(output: Output, { unreachable, unreachableGroups }: StatusAnswer): string {
  const lines = [
    ...(unreachable.length === 0 ? [] : [`nodes: ${names(unreachable)}`]),
    ...(unreachableGroups.length === 0 ? [] : [`groups: ${names(unreachableGroups)}`]),
  ];
  return lines.length === 0 ? "" : title(output, output.colours.red("Did not answer"), lines.join("; "));
}

function title(output: Output, text: string, detail = ""): string {
  return `${output.colours.bold(text)}${detail === "" ? "" : `: ${detail}`}\n`;
}
