// An operator has a group go on that lost its quorum for good: everybody who may hold it is asked first, so that nobody takes
// a group away from its quorum, and so that it can be said what will be lost. The cluster group decides.

import { type Failure, failure } from "../../proto/errors.ts";
import { type NodeId, toIncarnation, toLogIndex } from "../../proto/ids.ts";
import type { DirectoryEntry, GroupRecovery } from "../../proto/model.ts";
import type { GroupStatus, Reply, Request } from "../../proto/requests.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { Ask } from "./cluster-status.ts";
import { failed } from "./group-replies.ts";
import { type Answers, type Asks, hasAnswered, heldOf, lossesOf, refusal, whyNot } from "./recovery-survey.ts";

type RecoverRequest = Request & { readonly type: "recoverGroup" };

/** What all who were asked have said. */
interface Survey {
  /** As the directory has it. */
  readonly entry: DirectoryEntry;
  /** How the group begins this incarnation anew, as long as it has not said that it does. */
  readonly pending: GroupRecovery | null;
  readonly answers: Answers;
}

interface View extends Asks {
  readonly state: ClusterState;
}

export function gatherRecovery(request: RecoverRequest, view: View, answer: (reply: Reply) => void): void {
  const { state } = view;
  const { group, from, owners } = request;
  const entry = state.directory.group(group);
  const incarnation = toIncarnation((entry?.incarnation ?? 0) + 1);
  const early = state.refuseRecovery(group, { incarnation, from, owners });
  if (entry === null || early !== null) return answer(failed(early ?? failure("not_found", `No group ${group}`)));
  const asked = [...new Set([from, ...entry.owners, ...owners])];
  const answers = new Map<NodeId, Reply>();
  const pending = state.recovery(group);
  for (const node of asked) {
    view.survey({ type: "replicaStatus", group, node }, (reply) => {
      answers.set(node, reply);
      if (answers.size === asked.length) decide(request, { entry, pending, answers }, view.change, answer);
    });
  }
}

function decide(request: RecoverRequest, survey: Survey, change: Ask, answer: (reply: Reply) => void): void {
  const { group, from, reason, validateOnly } = request;
  const refusal = refuse(request, survey);
  if (refusal !== null) return answer(failed(refusal));
  // Who did not hear the answer asks again: the same node goes on once.
  if (survey.pending?.from === from) return answer({ type: "recoverGroup", entry: survey.entry, losses: [] });
  const losses = lossesOf(request.from, survey.answers, survey.entry.owners);
  const incarnation = toIncarnation(survey.entry.incarnation + 1);
  const recovery = { incarnation, from, owners: ownersOf(request, survey) };
  if (validateOnly) {
    const entry = { group, incarnation, owners: recovery.owners, index: toLogIndex(0) };
    return answer({ type: "recoverGroup", entry, losses });
  }
  change({ type: "refoundGroup", group, recovery, reason }, (reply) => {
    if (reply.type !== "refoundGroup") return answer(reply);
    answer({ type: "recoverGroup", entry: { ...reply.entry, owners: recovery.owners }, losses });
  });
}

function refuse({ group, from }: RecoverRequest, survey: Survey): Failure | null {
  const quorate = heldOf(survey.answers).find(({ status }) => isPresent(status, survey) && status.hasQuorum);
  if (quorate !== undefined) {
    const { node, manager } = quorate.status;
    const who = manager === null ? "may still elect a manager" : `is led by ${manager}`;
    return refusal(
      `The group ${group} ${who}, as ${node} sees it: it has a quorum, and nothing is to be recovered`,
      from,
    );
  }
  const held = survey.answers.get(from);
  if (held?.type !== "replicaStatus") return refusal(`The group cannot go on from ${from}: ${whyNot(held)}`, from);
  const { object, membership } = held.status;
  if (membership.voters.length === 0) return refusal(`${from} has received nothing of ${group} yet`, from);
  const { incarnation } = survey.entry;
  if (object.incarnation === incarnation || survey.pending !== null) return null;
  return refusal(
    `${from} holds incarnation ${object.incarnation} of ${group}, which has gone on to ${incarnation}`,
    from,
  );
}

/** Of the incarnation that the group is in: what else is left of it takes part no more. */
function isPresent({ object }: GroupStatus, { entry }: Survey): boolean {
  return object.incarnation === entry.incarnation;
}

/** In the order of precedence that there was. */
function ownersOf({ from, owners }: RecoverRequest, survey: Survey): readonly NodeId[] {
  if (owners.length > 0) return owners;
  const up = survey.entry.owners.filter((owner) => owner === from || hasAnswered(survey.answers.get(owner)));
  return up.includes(from) ? up : [from, ...up];
}
