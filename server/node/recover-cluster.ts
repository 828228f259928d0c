// An operator has the cluster group go on that lost its quorum for good. Nobody is left to decide, so the node that is named
// does it by itself; before, everybody who may know of a quorum, or of more of the log, is asked.

import { type Failure, failure } from "../../proto/errors.ts";
import { clusterGroup, type NodeId } from "../../proto/ids.ts";
import type { Reply, Request } from "../../proto/requests.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { Ask } from "./cluster-status.ts";
import { failed } from "./group-replies.ts";
import { limits } from "./limits.ts";
import {
  type Answers,
  type Asks,
  type Held,
  hasAnswered,
  heldOf,
  lossesOf,
  refusal,
  whyNot,
} from "./recovery-survey.ts";

type RecoverRequest = Request & { readonly type: "recoverCluster" };

interface View extends Asks {
  readonly state: ClusterState;
  /** Nodes that could be reached besides the voters, in order of preference as voters. */
  readonly others: readonly NodeId[];
}

export function gatherClusterRecovery(request: RecoverRequest, view: View, answer: (reply: Reply) => void): void {
  const { state, others } = view;
  const { from, voters } = request;
  const stranger = [from, ...voters].find((node) => state.node(node) === null);
  if (stranger !== undefined) {
    const message = `The node ${stranger} is not one of this cluster`;
    return answer(failed(failure("invalid_argument", message, { node: stranger })));
  }
  const asked = [...new Set([from, ...state.voters, ...voters, ...others.slice(0, limits.recoveryAskedMax)])];
  const answers = new Map<NodeId, Reply>();
  for (const node of asked) {
    view.survey({ type: "replicaStatus", group: clusterGroup, node }, (reply) => {
      answers.set(node, reply);
      if (answers.size === asked.length) decide(request, { answers, before: state.voters }, view.change, answer);
    });
  }
}

interface Survey {
  readonly answers: Answers;
  /** The voters that there were. */
  readonly before: readonly NodeId[];
}

function decide(request: RecoverRequest, survey: Survey, change: Ask, answer: (reply: Reply) => void): void {
  const { from, reason, validateOnly } = request;
  const held = survey.answers.get(from);
  if (held?.type !== "replicaStatus") {
    return answer(failed(refusal(`The cluster database cannot go on from ${from}: ${whyNot(held)}`, from)));
  }
  const wrong = refuse(from, held, survey);
  if (wrong !== null) return answer(failed(wrong));
  const losses = lossesOf(from, survey.answers, survey.before);
  const { incarnation } = held.status.object;
  const voters = request.voters.length > 0 ? request.voters : choose(from, survey);
  if (validateOnly) return answer({ type: "recoverCluster", incarnation, voters, losses });
  change({ type: "refoundCluster", node: from, incarnation, voters, reason }, (reply) => {
    if (reply.type !== "refoundCluster") return answer(reply);
    answer({ type: "recoverCluster", incarnation: reply.incarnation, voters, losses });
  });
}

function refuse(from: NodeId, own: Held, { answers }: Survey): Failure | null {
  const { incarnation } = own.status.object;
  const all = heldOf(answers);
  const later = all.find(({ status }) => status.object.incarnation > incarnation);
  if (later !== undefined) {
    const { node, object } = later.status;
    const message = `${from} holds incarnation ${incarnation} of the cluster database, which ${node} knows to have gone on to ${object.incarnation}`;
    return refusal(message, from);
  }
  const quorate = all.find(({ status }) => status.hasQuorum);
  if (quorate === undefined) return null;
  const { node, manager } = quorate.status;
  const who = manager === null ? "may still elect a leader" : `is led by ${manager}`;
  return refusal(`The cluster group ${who}, as ${node} sees it: it has a quorum, and nothing is to be recovered`, from);
}

/** As many as before, where there are so many that answer, and an odd number. */
function choose(from: NodeId, { answers, before }: Survey): readonly NodeId[] {
  const up = [...before, ...answers.keys()].filter((node) => node === from || hasAnswered(answers.get(node)));
  const chosen = [...new Set([from, ...up])].slice(0, before.length);
  return chosen.length % 2 === 1 ? chosen : chosen.slice(0, -1);
}
