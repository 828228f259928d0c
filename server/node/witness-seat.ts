// A witness's part in one group: it votes, remembers for whom it stands in, and stores nothing else. No log, no state, no reads.

import { type MemberId, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import { firstConfiguration } from "../../proto/membership.ts";
import type { Addressed, GroupMessage, PeerMessage } from "../../proto/messages.ts";
import type { GroupKey } from "../../proto/model.ts";
import type { Standing } from "../raft/quiet.ts";
import type { Raft } from "../raft/raft.ts";
import type { PersistToken, RaftInput, RaftOutput } from "../raft/types.ts";
import { logStart } from "./genesis.ts";
import type { WriteId } from "./inputs.ts";
import { limits } from "./limits.ts";
import { askWhetherLeftOut } from "./membership-question.ts";
import type { Party } from "./party.ts";
import { createRaft } from "./raft-options.ts";
import type { World } from "./world.ts";

export class WitnessSeat implements Party {
  readonly key: GroupKey;
  readonly member: MemberId;
  readonly #raft: Raft;
  readonly #world: World;
  /** When something was last said to it, or it last asked. */
  #heardMs: Millis;
  #persisting: { readonly write: WriteId; readonly token: PersistToken }[] = [];

  constructor(key: GroupKey, member: MemberId, world: World, nowMs: Millis) {
    this.key = { group: key.group, incarnation: key.incarnation };
    this.member = member;
    this.#world = world;
    this.#heardMs = nowMs;
    const start = {
      self: world.self,
      member,
      isWitness: true,
      configuration: firstConfiguration([]),
      hardState: world.hardStates.get({ ...key, member }),
      log: { previous: logStart, entries: [] },
      applied: logStart.index,
      leaseRead: world.leaseRead,
    };
    this.#raft = createRaft(start, world.random.fork(), nowMs);
  }

  receive(from: NodeId, message: GroupMessage, nowMs: Millis): void {
    if (message.type !== "raft" || message.toMember !== this.member) return;
    const { fromMember } = message;
    this.#heardMs = nowMs;
    this.#step({ type: "message", from, member: fromMember, message: message.message }, from, fromMember, nowMs);
  }

  durable(write: WriteId, nowMs: Millis): void {
    const ready = this.#persisting.filter((pending) => pending.write <= write);
    this.#persisting = this.#persisting.slice(ready.length);
    for (const { token } of ready) this.#raft.step({ type: "persisted", token }, nowMs);
  }

  get standing(): Standing {
    return this.#raft.standing;
  }

  catchUp(): void {
    const words = this.#world.vouching.take(this);
    const last = words.at(-1);
    if (last === undefined) return;
    this.#heardMs = toMillis(Math.max(this.#heardMs, last.heardMs));
    this.#raft.step({ type: "vouched", words }, last.heardMs);
  }

  /** A group that needs it no more, or took another, speaks to it no more. @param owners by the directory */
  maybeAsk(owners: readonly NodeId[], nowMs: Millis): void {
    this.catchUp();
    if (nowMs < this.#heardMs + limits.voicelessSilenceMs) return;
    this.#heardMs = nowMs;
    const others = owners.filter((owner) => owner !== this.#world.self);
    askWhetherLeftOut({ key: this.key, member: this.member, term: this.#raft.term }, others, this.#world.out);
  }

  /** A witness answers whoever speaks to it, and begins nothing else by itself. */
  #step(input: RaftInput, to: NodeId, toMember: MemberId, nowMs: Millis): void {
    this.catchUp();
    this.#world.vouching.changed(this);
    const output = this.#raft.step(input, nowMs);
    if (output.persist !== null) this.#persist(output.persist);
    const address: Addressed = { ...this.key, fromMember: this.member, toMember };
    for (const { message, afterPersist } of output.messages) {
      if (message.type === "beatReply") this.#world.out.echo(to, { ...address, reply: message }, afterPersist);
      else this.#send(to, { type: "raft", ...address, message }, afterPersist);
    }
  }

  #send(to: NodeId, message: PeerMessage, afterPersist: boolean): void {
    if (afterPersist) this.#world.out.sendPromise(to, message);
    else this.#world.out.send(to, message);
  }

  #persist(persist: NonNullable<RaftOutput["persist"]>): void {
    const { hardStates, out } = this.#world;
    if (persist.hardState !== null) hardStates.set({ ...this.key, member: this.member }, persist.hardState);
    hardStates.unsettled();
    out.writeDurably([], hardStates.table());
    this.#persisting.push({ write: out.nextWrite, token: persist.token });
  }
}
