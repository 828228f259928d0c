// What `bailiwick watch` prints: one line, or one JSON object, for each thing that happened or exists.

import type { NoticeOf } from "../follow.ts";
import type { GroupState, NodeState, ToldClusterEvent } from "../status-watch.ts";
import type { WatchedEvent } from "../watch.ts";
import { orNothing, statusWord, timeText, whyOf } from "./cluster-text.ts";
import { toKeyValueJson, toLine } from "./key-text.ts";
import type { Output } from "./output.ts";
import { tabRows } from "./table.ts";

export interface KeyLineOptions {
  readonly group: string;
  readonly previous: boolean;
}

export function printKeyEvent(output: Output, event: WatchedEvent, { group, previous }: KeyLineOptions): void {
  const { type, revision, keyValue } = event;
  const isPut = type === "put";
  const value = {
    group,
    revision,
    type,
    keyValue: toKeyValueJson(keyValue, { keysOnly: !isPut }),
    previous: event.previous === null ? null : toKeyValueJson(event.previous),
  };
  output.printNext(value, () => {
    const cells = [revision, type, toLine(keyValue.key), isPut ? toLine(keyValue.value) : ""];
    const before = previous ? [event.previous === null ? "" : toLine(event.previous.value)] : [];
    return lineOf([...cells, ...before]);
  });
}

export function printGroupState(output: Output, { index, group }: GroupState): void {
  output.printNext({ index, group }, () => {
    const { colours } = output;
    const verdicts = group.verdicts.map(({ node, status }) => `${node}=${statusWord(status, colours)}`);
    const state = statusWord(group.ownershipState, colours);
    const owner = orNothing(group.currentOwner);
    return lineOf([index, group.name, owner, state, group.epoch, orNothing(group.manager), verdicts.join(" ")]);
  });
}

export function printNodeState(output: Output, state: NodeState): void {
  if (state.type === "departed") {
    output.printNext({ departed: state.name }, () => lineOf([state.name, "departed", ""]));
    return;
  }
  const { node } = state;
  output.printNext({ node }, () => lineOf([node.name, statusWord(node.recoveryStatus, output.colours), whyOf(node)]));
}

export function printClusterEvent(output: Output, { index, event }: ToldClusterEvent): void {
  output.printNext({ index, event }, () => {
    return lineOf([index, timeText(event.time), event.type, orNothing(event.group || event.node), event.why]);
  });
}

/** What a person wants to know meanwhile. */
export function tellNotice(output: Output, notice: Exclude<NoticeOf<never>, { type: "events" | "initial" }>): void {
  switch (notice.type) {
    case "started":
      if (notice.isResumed) output.note(`resumed behind revision ${notice.revision} at ${notice.endpoint}`);
      else output.note(`watching from revision ${notice.revision + 1} at ${notice.endpoint}`);
      return;
    case "interrupted":
      output.note(`interrupted at ${notice.endpoint}: ${notice.failure.message} (${notice.failure.code})`);
      return;
    case "behind":
      output.note(`behind: printed up to revision ${notice.revision} of ${notice.newestRevision}`);
      return;
    case "progress":
      return;
  }
}

function lineOf(cells: readonly (string | number)[]): string {
  return tabRows([cells.map(String)]);
}
