// Ends what this node was doing for its callers in groups that it has left at once: a write may still take effect, a watch
// is to be resumed elsewhere, and everything else is asked of another owner.

import { failure } from "../../proto/errors.ts";
import { clusterGroup, type GroupId, type Millis } from "../../proto/ids.ts";
import type { Request } from "../../proto/requests.ts";
import type { Call } from "./calls.ts";
import { failed, fateUnknown } from "./group-replies.ts";
import type { Router } from "./router.ts";
import type { World } from "./world.ts";

export function abandonCalls(left: readonly GroupId[], world: World, router: Router, nowMs: Millis): void {
  const here = world.calls.all.filter((call) => !router.holds(call.key));
  for (const call of here) {
    const group = groupOf(call.request);
    if (group !== null && left.includes(group)) abandon(call, group, world, router, nowMs);
  }
  // What waited for a leader is routed anew, to an owner elsewhere.
  for (const group of left) router.leaderChanged(group, nowMs);
}

function abandon(call: Call, group: GroupId, world: World, router: Router, nowMs: Millis): void {
  if (call.mayHaveHappened) world.calls.answer(call.key, failed(fateUnknown(group)));
  else if (call.request.type === "watch") {
    const message = `${world.self} takes no part in ${group} any more`;
    world.calls.stream(call.key, { type: "canceled", failure: failure("quarantined", message, { group }) });
  } else router.reroute([call.key], nowMs);
}

function groupOf(request: Request): GroupId | null {
  if (request.type === "createGroup") return clusterGroup;
  return "group" in request ? request.group : null;
}
