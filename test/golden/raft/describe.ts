// How inputs, outputs and packets look in a trace. An entry is term/index, followed by its text when it has one.

import { decodeControl } from "../../../proto/codec/control.ts";
import { founderId, type Learner, type Membership, type Voter } from "../../../proto/membership.ts";
import { type Entry, type EntryId, isControl, type LogSlice, type RaftMessage } from "../../../proto/raft.ts";
import type { RaftInput, RaftOutput, Target } from "../../../server/raft/types.ts";
import type { Packet } from "../../unit/raft/disk-member.ts";
import { textOf } from "../../unit/raft/fixtures.ts";

const decoder = new TextDecoder();

const describeId = ({ term, index }: EntryId): string => `${term}/${index}`;

export function describeSlice({ previous, entries }: LogSlice): string {
  const list = entries.map(
    (entry) => `${describeId(entry)}${entry.payload.byteLength > 0 ? `:${describePayload(entry)}` : ""}`,
  );
  return `after ${describeId(previous)} [${list.join(" ")}]`;
}

function describePayload(entry: Entry): string {
  if (!isControl(entry.payload)) return textOf(entry);
  const control = decodeControl(entry.payload);
  return control.type === "subterm" ? `sub-term ${control.subterm}` : describeMembership(control.membership);
}

const describeMark = (subterm: number): string => (subterm === 0 ? "" : ` sub-term ${subterm}`);

/** For example `(n1 n2 n3)&&(n1 n2) learners=(n4#2) target=(n4#2)`: a number follows whoever is no founder. */
function describeMembership({ voters, outgoing, learners, learnersNext, target }: Membership): string {
  const parts = [`(${describeMembers(voters)})${outgoing.length > 0 ? `&&(${describeMembers(outgoing)})` : ""}`];
  if (learners.length > 0) parts.push(`learners=(${describeMembers(learners)})`);
  if (learnersNext.length > 0) parts.push(`learners_next=(${describeMembers(learnersNext)})`);
  if (target !== null) parts.push(`target=(${describeMembers(target)})`);
  return parts.join(" ");
}

function describeMembers(members: readonly (Learner & Partial<Voter>)[]): string {
  return members.map(describeMember).join(" ");
}

function describeMember({ node, member, votes = 1, isWitness = false }: Learner & Partial<Voter>): string {
  const weight = votes === 1 ? "" : `*${votes}`;
  return `${node}${member === founderId ? "" : `#${member}`}${weight}${isWitness ? "(witness)" : ""}`;
}

function describeTarget(target: Target | null): string {
  if (target === null) return "nothing new";
  const voters = target.voters.map((voter) => describeMember({ ...voter, member: founderId }));
  return `${voters.join(" ")}${target.renew.length > 0 ? `, anew ${target.renew.join(" ")}` : ""}`;
}

function describeMessage(message: RaftMessage): string {
  const head = `${message.type} t${message.term}`;
  switch (message.type) {
    case "preVote":
    case "vote":
      return `${head} last ${describeId(message.last)}${describeMark(message.subterm)}${message.isTransfer ? ", at the leader's wish" : ""}`;
    case "preVoteReply":
    case "voteReply":
      return `${head} ${message.granted ? "granted" : "refused"}`;
    case "append":
      return `${head} ${describeSlice(message.slice)} commit ${message.commit}`;
    case "appendReply":
      return `${head} matched ${message.matched}`;
    case "appendReject":
      return `${head} rejected ${message.rejected}, try ${describeId(message.last)}`;
    case "beat":
      return `${head} round ${message.round} commit ${message.commit} last ${message.last}`;
    case "beatReply":
      return `${head} round ${message.round} matched ${message.matched}`;
    case "timeoutNow":
      return head;
    case "standIn":
      return `${head} sub-term ${message.subterm} for ${message.owners.join(" ")}`;
    case "standInReply":
      return `${head} sub-term ${message.subterm}`;
  }
}

export function describePacket({ from, to, content }: Packet): string {
  const link = `${from}->${to}`;
  if (content.type === "raft") return `${link} ${describeMessage(content.message)}`;
  if (content.type === "snapshot") return `${link} snapshot t${content.term} last ${describeId(content.last)}`;
  return `${link} snapshotSent ${content.last === null ? "failed" : describeId(content.last)}`;
}

export function describeInput(input: RaftInput): string {
  switch (input.type) {
    case "deadline":
      return "deadline";
    case "message":
      return `from ${input.from}: ${describeMessage(input.message)}`;
    case "unproven":
      return `not proven yet: ${input.from}`;
    case "propose":
      return `propose ${input.payloads.map((payload) => decoder.decode(payload)).join(" ")}`;
    case "vouched":
      return `vouched for by ${input.words.map(({ peer }) => peer).join(" ")}`;
    case "persisted":
      return `persisted write ${input.token.sequence}`;
    case "read":
      return `read ${input.read}`;
    case "compact":
      return `compact to ${input.upTo}`;
    case "installed":
      return `installed t${input.term} last ${describeId(input.last)}`;
    case "reconfigure":
      return `reconfigure to ${describeTarget(input.target)}`;
    case "transfer":
      return `transfer to ${input.to}`;
    case "snapshotSent":
      return `snapshotSent to ${input.peer} ${input.last === null ? "failed" : describeId(input.last)}`;
  }
}

/** What a step asks for, but for the messages: those appear when they leave. */
export function describeOutput(output: RaftOutput): string[] {
  const lines: string[] = [];
  const { roleChange, persist, broadcast, committed, accepted } = output;
  if (roleChange !== null) {
    lines.push(`becomes ${roleChange.role} in t${roleChange.term}, leader ${roleChange.leader ?? "unknown"}`);
  }
  if (output.membership !== null) lines.push(`members ${describeMembership(output.membership)}`);
  if (output.refusal !== null) lines.push(`refused: ${output.refusal}`);
  if (accepted !== null) lines.push(`accepted at ${accepted}`);
  if (persist !== null) lines.push(describePersist(persist));
  if (broadcast !== null) lines.push(`broadcast to ${broadcast.to.join(" ")}`);
  if (committed.length > 0)
    lines.push(`commits ${committed.map((e) => `${describeId(e)}:${describePayload(e)}`).join(" ")}`);
  for (const { read, index } of output.readable) lines.push(`read ${read} may be served at ${index}`);
  for (const read of output.refusedReads) lines.push(`read ${read} refused`);
  for (const peer of output.needSnapshot) lines.push(`${peer} needs a snapshot`);
  return lines;
}

function describePersist({ hardState, append, token }: NonNullable<RaftOutput["persist"]>): string {
  const parts = [`writes ${token.sequence}:`];
  if (hardState !== null) parts.push(`term ${hardState.term} vote ${hardState.vote ?? "none"}`);
  const standIn = hardState?.standIn ?? null;
  if (standIn !== null) parts.push(`stands in from ${standIn.term}.${standIn.subterm} for ${standIn.owners.join(" ")}`);
  if (append !== null) parts.push(describeSlice(append));
  return parts.join(" ");
}
