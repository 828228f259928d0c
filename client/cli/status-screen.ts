// The screen of `bailiwick status`: summary, nodes, groups, what is under way and what happened. For people wherever it goes.

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
  quorumText,
  timeText,
} from "./cluster-text.ts";
import type { Output } from "./output.ts";

/** What is known of the events, or why nothing is. */
export type ScreenEvents = Pick<EventsAnswer, "events" | "isMore"> | { readonly failed: string };

const shownEvents = 5;

export function statusScreen(output: Output, status: StatusAnswer, events: ScreenEvents): string {
  const sections = [
    summary(output, status, events),
    nodesSection(output, status),
    groupsSection(output, status),
    pendingSection(output, status),
    failuresSection(output, status),
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
  const disputes = groups.filter(({ dispute }) => dispute !== undefined);
  const warnings = disputes
    .map((group) => `${output.colours.red(`${group.name} is ${disputeText(group)}`)}\n`)
    .join("");
  const head = title(output, "Groups", `${serving} of ${groups.length} with a quorum`);
  return `${head}${output.aligned(groupHead, rows)}${warnings}${output.colours.dim(note)}`;
}

function pendingSection(output: Output, { pending }: StatusAnswer): string {
  if (pending.length === 0) return "";
  const rows = pending.map((one) => [one.kind, orNothing(one.group), orNothing(one.node), `${one.percent}%`, one.what]);
  return `${title(output, "Under way")}${output.aligned(["KIND", "GROUP", "NODE", "DONE", "WHAT"], rows)}`;
}

function failuresSection(output: Output, { failures }: StatusAnswer): string {
  if (failures.length === 0) return "";
  const rows = failures.map((one) => [timeText(one.time), orNothing(one.node), orNothing(one.group), one.what]);
  return `${title(output, "Last failures")}${output.aligned(["TIME", "NODE", "GROUP", "WHAT"], rows)}`;
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
