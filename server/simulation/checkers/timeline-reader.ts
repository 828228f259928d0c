// Reads all events that a group ended with, by a watch from its first revision on, or from one that is known.

import { type GroupId, toRevision } from "../../../proto/ids.ts";
import type { GroupRequest, Reply } from "../../../proto/requests.ts";
import { emptyBytes } from "../../../storage/bytes.ts";
import { limits } from "../../node/limits.ts";
import type { SimNode } from "../sim-node.ts";
import { Violation } from "../violation.ts";
import { plainForm, requestOf } from "../workload/watch-forms.ts";
import { eventsOf, newWatchLog, take } from "../workload/watchers.ts";
import type { World } from "../world.ts";
import { Timeline, type TimelineBase } from "./replay.ts";

const patienceMs = 5_000;
const budgetMs = 2_000;

/**
 * @param owner a running owner of the group, which has a quorum
 * @returns null when this owner has no events before a snapshot that it was sent, and says so
 */
export function readTimeline(world: World, group: GroupId, owner: SimNode, base?: TimelineBase): Timeline | null {
  const newest = readRevision(world, group, owner);
  const log = newWatchLog(group, plainForm, toRevision((base?.revision ?? 1) + 1));
  const call = owner.call(requestOf(group, plainForm, log.from), 0, {
    reply: () => {},
    lost: () => {},
    watch: (message) => {
      take(log, message);
      if (message.type === "events") owner.drained(call);
    },
  });
  const untilMs = world.nowMs + patienceMs;
  while (log.through < newest && !log.compacted && world.nowMs < untilMs) world.runFor(50);
  owner.cancel(call);
  if (log.compacted) return null;
  if (log.through >= newest) return new Timeline(eventsOf(log), base);
  throw new Violation("liveness", "final read", `A watch of ${group} reached revision ${log.through} of ${newest}`);
}

/** What this owner holds: all events, or those behind the snapshot with which it came to the group. */
export function readHeld(world: World, group: GroupId, owner: SimNode): Timeline {
  const timeline =
    readTimeline(world, group, owner) ?? readTimeline(world, group, owner, readBase(world, group, owner));
  if (timeline !== null) return timeline;
  throw new Violation("liveness", "final read", `${owner.node} forgets of ${group} while it is read`);
}

/** The oldest revision that this owner can show. */
function readBase(world: World, group: GroupId, owner: SimNode): TimelineBase {
  const status = ask(world, owner, { type: "groupStatus", group });
  const revision = status?.type === "groupStatus" ? status.status.compactedRevision : toRevision(1);
  const span = { start: emptyBytes, end: null };
  const page = { limit: limits.listRowsMax, keysOnly: false, countOnly: false, continues: false };
  const reply = ask(world, owner, { type: "list", group, span, revision, consistency: "local", ...page });
  if (reply?.type === "list" && !reply.more) return { revision, content: reply.kvs };
  throw new Violation("liveness", "final read", `${owner.node} does not show ${group} at ${revision}`);
}

function readRevision(world: World, group: GroupId, owner: SimNode): number {
  const span = { start: emptyBytes, end: null };
  const page = { limit: 1, keysOnly: true, countOnly: true, continues: false };
  const request: GroupRequest = { type: "list", group, span, revision: null, consistency: "linearizable", ...page };
  const reply = ask(world, owner, request);
  if (reply?.type === "list") return reply.header.revision;
  throw new Violation("liveness", "final read", `${owner.node} does not read ${group}: ${JSON.stringify(reply)}`);
}

/** Lets the group forget its revisions before `revision`. */
export function compactGroup(world: World, owner: SimNode, group: GroupId, revision: number): void {
  const reply = ask(world, owner, { type: "compact", group, revision: toRevision(revision) });
  if (reply?.type === "compact" || (reply?.type === "failed" && reply.failure.code === "compacted")) return;
  throw new Violation("liveness", "compaction", `${owner.node} does not compact ${group}: ${JSON.stringify(reply)}`);
}

/** Runs the world until the node has answered. @returns null when it has not within its budget */
export function ask(world: World, node: SimNode, request: GroupRequest): Reply | null {
  const answers: Reply[] = [];
  node.call(request, budgetMs, { reply: (reply) => answers.push(reply), watch: () => {}, lost: () => {} });
  const untilMs = world.nowMs + patienceMs;
  while (answers.length === 0 && world.nowMs < untilMs) world.runFor(20);
  return answers[0] ?? null;
}
