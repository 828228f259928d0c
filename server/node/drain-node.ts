// A planned change of a node: operators want it to run no application, or to take part again. All groups that it owns come to
// it in one transaction, or none. When some have no quorum and are to be skipped, what is wanted goes on record in the cluster
// database instead, and each group comes to it as soon as it can: that entry is the commit point then.

import { type Failure, failure } from "../../proto/errors.ts";
import { clusterGroup, compareNames, type GroupId, type LogIndex, type NodeId } from "../../proto/ids.ts";
import type { GroupPlace } from "../../proto/placement.ts";
import type { GroupStatus, Move, Reply, Request } from "../../proto/requests.ts";
import { drainOrder } from "../recovery/drain-foresight.ts";
import { partFor } from "../recovery/intents.ts";
import type { Neighbour } from "../recovery/placement-view.ts";
import { reasonText } from "../recovery/reason.ts";
import type { ClusterState } from "./cluster-state.ts";
import { type Ask, gatherGroups } from "./cluster-status.ts";
import { PoliciesRead } from "./group-policies.ts";
import { failed } from "./group-replies.ts";
import { limits } from "./limits.ts";

type DrainRequest = Request & { readonly type: "drainNode" };

export interface DrainView {
  readonly state: ClusterState;
  /** Of the cluster's log, here. */
  readonly index: LogIndex;
  /** Asks for what can be done without. */
  readonly survey: Ask;
  /** Asks a group where its application would be, one after the other: all of them have one time together. */
  readonly foresee: Ask;
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
    const served = new Set(statuses.filter(({ hasQuorum }) => hasQuorum).map(({ object }) => object.group));
    const unavailable = groups.filter((group) => !served.has(group));
    if (unavailable.length > 0 && !request.skipUnavailable) return answer(failed(refusal(request, unavailable)));
    const running = request.wanted === "none" ? [] : statuses.filter((status) => isOn(status, request.node));
    foreseeMoves(request.node, running, view.foresee, (moves) => {
      const survey = { groups, moves, unavailable };
      if (request.validateOnly) answer({ type: "drainNode", moves, unreachable: unavailable });
      else if (unavailable.length > 0 || groups.length === 0) record(request, survey, view, answer);
      else transact(request, survey, view, answer);
    });
  });
}

function isOn({ ownership }: GroupStatus, node: NodeId): boolean {
  return ownership.currentOwner === node;
}

/** Each group is told where those that were asked before it would be. */
function foreseeMoves(
  node: NodeId,
  running: readonly GroupStatus[],
  foresee: Ask,
  done: (moves: readonly Move[]) => void,
): void {
  const order = [...drainOrder(running.filter(({ hasQuorum }) => hasQuorum).map(asNeighbour))];
  const moves = running.filter(({ hasQuorum }) => !hasQuorum).map(({ object }) => delayed(object.group, node));
  const places: GroupPlace[] = [];
  const next = () => {
    const group = order.shift();
    if (group === undefined) return done(moves.toSorted((left, right) => compareNames(left.group, right.group)));
    foresee({ type: "foreseeDrain", group, node, places: [...places] }, (reply) => {
      moves.push(moveOf(group, node, reply));
      if (reply.type === "foreseeDrain") places.push({ group, node: reply.node });
      next();
    });
  };
  next();
}

function delayed(group: GroupId, from: NodeId): Move {
  return { group, from, to: null, reason: `${group} has no quorum: what becomes of it is decided when it has one` };
}

function asNeighbour({ object: { group, owners, config }, ownership }: GroupStatus): Neighbour {
  return { group, owners, ownership, policies: new PoliciesRead().of(config) };
}

function moveOf(group: GroupId, from: NodeId, reply: Reply): Move {
  if (reply.type === "foreseeDrain") {
    return { group, from, to: reply.node === from ? null : reply.node, reason: reply.reason };
  }
  const why = reply.type === "failed" ? `: ${reply.failure.message}` : "";
  return { group, from, to: null, reason: reasonText(`The manager of ${group} has not said where it would go${why}`) };
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
