// A planned change of a node: operators want it to run no application, or to take part again. All groups that it owns come to
// it in one transaction, or none. When some have no quorum and are to be skipped, what is wanted goes on record in the cluster
// database instead, and each group comes to it as soon as it can: that entry is the commit point then.

import { type Failure, failure } from "../../proto/errors.ts";
import { clusterGroup, compareNames, type GroupId, type LogIndex } from "../../proto/ids.ts";
import type { GroupStatus, Move, Reply, Request } from "../../proto/requests.ts";
import { partFor } from "../recovery/intents.ts";
import { planDrain } from "../recovery/placement.ts";
import type { ClusterState } from "./cluster-state.ts";
import { type Ask, gatherGroups } from "./cluster-status.ts";
import { failed } from "./group-replies.ts";
import { limits } from "./limits.ts";

type DrainRequest = Request & { readonly type: "drainNode" };

export interface DrainView {
  readonly state: ClusterState;
  /** Of the cluster's log, here. */
  readonly index: LogIndex;
  /** Asks for what can be done without. */
  readonly survey: Ask;
  /** Asks for what changes something, as long as the caller waits. */
  readonly change: Ask;
}

/** What the groups of the node have said. */
interface Survey {
  readonly groups: readonly GroupId[];
  readonly moves: readonly Move[];
  /** Without a quorum, as far as that is known. */
  readonly unavailable: readonly GroupId[];
}

export function gatherDrain(request: DrainRequest, view: DrainView, answer: (reply: Reply) => void): void {
  const owned = view.state.directory.groupsOf(request.node).map(({ group }) => group);
  // The first by name coordinates.
  const groups = owned.toSorted(compareNames);
  gatherGroups(groups, view.survey, (statuses) => {
    const survey = surveyOf(request, groups, statuses);
    const { moves, unavailable } = survey;
    if (unavailable.length > 0 && !request.skipUnavailable) answer(failed(refusal(request, unavailable)));
    else if (request.validateOnly) answer({ type: "drainNode", moves, unreachable: unavailable });
    else if (unavailable.length > 0 || groups.length === 0) record(request, survey, view, answer);
    else transact(request, survey, view, answer);
  });
}

function surveyOf(
  { node, wanted }: DrainRequest,
  groups: readonly GroupId[],
  statuses: readonly GroupStatus[],
): Survey {
  const served = new Set(statuses.filter(({ hasQuorum }) => hasQuorum).map(({ object }) => object.group));
  const running = statuses.filter(({ ownership }) => ownership.currentOwner === node);
  const moves = wanted === "none" ? [] : running.map(moveOf);
  return { groups, moves, unavailable: groups.filter((group) => !served.has(group)) };
}

function moveOf({ object, ownership, verdicts }: GroupStatus): Move {
  const { group, owners } = object;
  const from = ownership.currentOwner as Move["from"];
  return { group, from, ...planDrain({ group, owners, verdicts, ownership }) };
}

function refusal({ node, wanted }: DrainRequest, unavailable: readonly GroupId[]): Failure {
  const names = unavailable.join(", ");
  const what = wanted === "drained" ? "drained" : "undrained";
  const which = unavailable.length === 1 ? `The group ${names} of ${node} has` : `The groups ${names} of ${node} have`;
  const message = `${which} no quorum: nothing was done; with skip_unavailable ${node} is ${what} there when there is one`;
  return failure("no_quorum", message, { node, group: unavailable.join(",") });
}

/**
 * The groups' own part; that it is on record as well is told to everybody, and decides nothing. When a manager changes
 * meanwhile it is asked for once more: who wants the same again changes nothing.
 */
function transact(
  request: DrainRequest,
  survey: Survey,
  view: DrainView,
  answer: (reply: Reply) => void,
  attemptsLeft: number = limits.drainAttemptsMax,
): void {
  const { groups, moves } = survey;
  const { node, wanted, reason } = request;
  const operation = { type: "intend", node, wanted, reason, after: view.index } as const;
  const parts = groups.map((group) => partFor(group, operation));
  view.change({ type: "transact", group: groups[0] as GroupId, parts }, (reply) => {
    const isUnknown = reply.type === "failed" && reply.failure.code === "outcome_unknown";
    if (isUnknown && attemptsLeft > 1) return transact(request, survey, view, answer, attemptsLeft - 1);
    if (reply.type !== "transact") return answer(reply);
    view.change({ type: "intendNode", node, wanted, reason }, ({ type }) => {
      answer({ type: "drainNode", moves, unreachable: type === "intendNode" ? [] : [clusterGroup] });
    });
  });
}

function record(request: DrainRequest, survey: Survey, view: DrainView, answer: (reply: Reply) => void) {
  const { node, wanted, reason } = request;
  view.change({ type: "intendNode", node, wanted, reason }, (reply) => {
    const { moves, unavailable: unreachable } = survey;
    answer(reply.type === "intendNode" ? { type: "drainNode", moves, unreachable } : reply);
  });
}
