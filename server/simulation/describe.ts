// One line of text for each input and effect, for the trace. For people only: nothing reads it back.

import { unreachable } from "../../proto/assert.ts";
import type { PeerMessage, Start, Vouch } from "../../proto/messages.ts";
import type { RaftMessage } from "../../proto/raft.ts";
import type { Reply, Request, WatchMessage } from "../../proto/requests.ts";
import type { Effect } from "../node/effects.ts";
import type { Input } from "../node/inputs.ts";

export function describeInput(input: Input): string {
  switch (input.type) {
    case "start":
    case "deadline":
    case "stopping":
      return "";
    case "peer":
      return `${input.from}${input.published ? "*" : ""} ${describeMessage(input.envelope.message)}`;
    case "peerUp":
    case "peerDown":
      return input.peer;
    case "call":
      return `#${input.call} ${describeRequest(input.request)} in ${input.budgetMs}`;
    case "cancel":
    case "drained":
      return `#${input.call}`;
    case "durable":
      return `w${input.write}`;
    case "continue":
      return input.work;
    case "diskFree":
      return `${input.bytes} bytes`;
    case "wallClock":
      return `${input.offsetMs} ms ahead`;
    default:
      return unreachable(input);
  }
}

export function describeEffect(effect: Effect): string {
  switch (effect.type) {
    case "write": {
      const { operations, hardStates, sync } = effect.batch;
      const states = hardStates === null ? "" : " hard";
      return `w${effect.write} ${operations.length} rows${states}${sync ? " sync" : ""}`;
    }
    case "send":
      return `${effect.to} ${describeMessage(effect.message)}${afterText(effect.after)}`;
    case "publish":
      return `${effect.topic} ${describeMessage(effect.message)}${afterText(effect.after)}`;
    case "erase":
      return `${Buffer.from(effect.range.start).toString("hex")}${afterText(effect.after)}`;
    case "reply":
      return `#${effect.call} ${describeReply(effect.reply)}`;
    case "watch":
      return `#${effect.call} ${describeWatch(effect.message)}`;
    case "continue":
      return effect.work;
    case "network":
      return `peers ${effect.peers.join(",")} topics ${effect.topics.join(",")}`;
    case "note":
      return `${effect.level} ${effect.text} ${JSON.stringify(effect.fields)}`;
    default:
      return unreachable(effect);
  }
}

function afterText(after: number | null): string {
  return after === null ? "" : ` after w${after}`;
}

function vouchText(vouch: Vouch | null): string {
  return vouch === null ? "" : ` v${vouch.groups}/${vouch.digest}`;
}

function describeMessage(message: PeerMessage): string {
  switch (message.type) {
    case "raft":
      return `${message.group} ${describeRaft(message.message)}`;
    case "beat":
      return `beat s${message.sequence}${vouchText(message.vouch)} ${message.groups.map(({ group, beat }) => `${group}:${describeRaft(beat)}`).join(" ")}`;
    case "beatEcho":
      return `echo s${message.sequence}${vouchText(message.agreed)} ${message.groups.map(({ group, reply }) => `${group}:${describeRaft(reply)}`).join(" ")}`;
    case "snapshotPart":
      return `${message.group} snapshot ${message.last.term}/${message.last.index} part ${message.sequence}${message.final ? " final" : ""}`;
    case "snapshotAck":
      return `${message.group} snapshotAck ${message.last.term}/${message.last.index} next ${message.next}`;
    case "invite":
      return `${message.group} invite #${message.toMember}${message.isWitness ? " as witness" : ""}`;
    case "departed":
      return `${message.group} departed #${message.toMember} at ${message.index}`;
    case "replicaLost":
      return `${message.group} replicaLost #${message.member}`;
    case "stateQuestion":
      return `${message.group} stateQuestion ${message.index}`;
    case "stateAnswer":
    case "stateVerdict":
      return `${message.group} ${message.type} ${message.index} ${message.hash}`;
    case "intentReport":
      return `intentReport ${message.kept.group} ${message.kept.node}@${message.kept.index}`;
    case "ownersReport":
      return `ownersReport ${message.entry.group} ${message.entry.owners.join(",")}@${message.entry.index}`;
    case "statuses":
      return `statuses ${message.components.map(({ group, node, status, index }) => `${group}:${node}=${status}@${index}`).join(" ")} summaries ${message.summaries.map(({ group }) => group).join(",")}`;
    case "performance":
      return `performance of ${message.sample.node}`;
    case "statusDigest":
      return `statusDigest ${message.versions.length} versions`;
    case "clusterNews":
      return `clusterNews t${message.term} i${message.index} +${message.entries.length}`;
    case "clusterPull":
      return `clusterPull after ${message.after}`;
    case "clusterEntries":
      return `clusterEntries after ${message.after} +${message.entries.length}`;
    case "clusterState":
      return `clusterState ${message.last.term}/${message.last.index}`;
    case "verdictReport":
      return `verdictReport ${message.component.group}:${message.component.node}=${message.component.status}`;
    case "verdictPoll":
      return `verdictPoll ${message.node}=${message.status}`;
    case "forward":
      return `forward #${message.call} ${describeRequest(message.request)}`;
    case "forwardReply":
      return `forwardReply #${message.call} ${describeReply(message.reply)}`;
    case "forwardWatch":
      return `forwardWatch #${message.call} ${describeWatch(message.message)}${message.more ? ` part ${message.part}` : ""}`;
    case "forwardCancel":
    case "forwardDrained":
      return `${message.type} #${message.call}`;
    case "hello":
      return `hello ${startText(message.lineage.at(-1))} of ${message.lineage.length}${message.answer ? " answer" : ""}`;
    case "helloRefused":
      return `helloRefused ${startText(message.remembered)}`;
    case "helloAccepted":
    case "lap":
      return `${message.type} ${startText(message.start)}`;
    default:
      return unreachable(message);
  }
}

function startText(start: Start | undefined): string {
  return start === undefined ? "none" : `${start.boot}/${start.nonce}/${start.lap}`;
}

function describeRaft(message: RaftMessage): string {
  const head = `${message.type} t${message.term}`;
  switch (message.type) {
    case "preVote":
    case "vote":
      return `${head} last ${message.last.term}/${message.last.index}`;
    case "preVoteReply":
    case "voteReply":
      return `${head} ${message.granted ? "granted" : "refused"}`;
    case "append": {
      const { previous, entries } = message.slice;
      return `${head} after ${previous.term}/${previous.index} +${entries.length} c${message.commit}`;
    }
    case "appendReply":
      return `${head} m${message.matched}`;
    case "appendReject":
      return `${head} rejected ${message.rejected} last ${message.last.term}/${message.last.index}`;
    case "beat":
      return `${head} r${message.round} c${message.commit} l${message.last}`;
    case "beatReply":
      return `${head} r${message.round} m${message.matched}`;
    case "timeoutNow":
      return head;
    case "standIn":
      return `${head} s${message.subterm} for ${message.owners.join(",")}`;
    case "standInReply":
      return `${head} s${message.subterm}`;
    default:
      return unreachable(message);
  }
}

function describeRequest(request: Request): string {
  const group = "group" in request ? ` ${request.group}` : "";
  const key = "key" in request ? ` ${Buffer.from(request.key).toString("latin1")}` : "";
  return `${request.type}${group}${key}`;
}

function describeReply(reply: Reply): string {
  if (reply.type === "failed") return `failed ${reply.failure.code}/${reply.failure.effect}: ${reply.failure.message}`;
  return "header" in reply ? `${reply.type} r${reply.header.revision} of ${reply.header.node}` : reply.type;
}

function describeWatch(message: WatchMessage): string {
  switch (message.type) {
    case "opened":
    case "progress":
      return `${message.type} r${message.revision}`;
    case "events":
      return `events ${message.events.length} to r${message.revision}`;
    case "initial":
      return `initial page ${message.page}, ${message.events.length} at r${message.revision}`;
    case "behind":
      return `behind at r${message.delivered} of r${message.newest}`;
    case "groupState":
      return `groupState r${message.revision}`;
    case "nodeStates":
      return `nodeStates ${message.nodes.length} and ${message.departed.length} gone, r${message.revision}`;
    case "clusterEvents":
      return `clusterEvents ${message.events.length} to r${message.revision}`;
    case "compacted":
      return `compacted floor ${message.floor}`;
    case "canceled":
      return `canceled ${message.failure.code}`;
    default:
      return unreachable(message);
  }
}
