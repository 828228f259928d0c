// The router with a table of its own: no nodes, no groups, only who asks whom.

import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../../../proto/errors.ts";
import type { GroupId, NodeId } from "../../../proto/ids.ts";
import { toGroupId, toIncarnation, toMillis, toRevision } from "../../../proto/ids.ts";
import { firstConfiguration } from "../../../proto/membership.ts";
import type { Header, Reply, Request, WatchMessage } from "../../../proto/requests.ts";
import type { Call, Caller } from "../../../server/node/calls.ts";
import { limits } from "../../../server/node/limits.ts";
import { type LocalGroup, Router } from "../../../server/node/router.ts";
import { emptyBytes } from "../../../storage/bytes.ts";
import { renewalOf, reserveOn } from "./agent-requests.ts";
import { effectsOf, get, n1, n2, n3, n4, put, rg, watchAll, worldOf } from "./cluster.ts";

const budgetMs = 10_000;
const header: Header = { group: rg, incarnation: toIncarnation(1), revision: toRevision(2), node: n1, stale: false };
const done: Reply = { type: "put", header, previous: null };
const notLeader = (leader?: NodeId): Reply => {
  const details = leader === undefined ? { group: rg } : { group: rg, leader };
  return { type: "failed", failure: failure("not_leader", "not me", details) };
};

/** A node `n4`, by default an owner of nothing, and what it knows of `rg`. */
class Rig {
  readonly world = worldOf(n4);
  local: LocalGroup | null = null;
  nowMs = 1000;
  readonly router: Router;
  readonly said: string[] = [];
  #lastCall = 0;

  constructor(connected: readonly NodeId[] = [n1, n2, n3]) {
    for (const node of connected) this.world.connected.add(node);
    this.router = new Router(this.world, {
      local: (group) => (group === rg ? this.local : null),
      ownersOf: (group: GroupId) => (group === rg ? [n1, n2, n3] : null),
      holdersOf: () => [n1, n2],
    });
  }

  call(request: Request, caller?: Caller): Call {
    this.#lastCall += 1;
    const from = caller ?? { type: "client", call: this.#lastCall };
    const deadlineMs = request.type === "watch" ? null : toMillis(this.nowMs + budgetMs);
    const call = this.world.calls.open(from, request, deadlineMs) as Call;
    this.router.route(call, this.#now);
    this.#gather();
    return call;
  }

  replied(from: NodeId, number: number, reply: Reply): void {
    this.router.replied(from, number, reply, this.#now);
    this.#gather();
  }

  streamed(from: NodeId, number: number, message: WatchMessage, { part, more } = { part: 0, more: false }): void {
    this.router.streamed(from, { type: "forwardWatch", call: number, message, part, more }, this.#now);
    this.#gather();
  }

  down(node: NodeId): void {
    this.world.connected.delete(node);
    this.router.peerDown(node, this.#now);
    this.#gather();
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let next = this.router.deadlineMs(); next !== null && next <= endMs; next = this.router.deadlineMs()) {
      assert.ok(next > this.nowMs, "a deadline that has passed is dealt with");
      this.nowMs = next;
      this.router.deadline(this.#now);
      this.#gather();
    }
    this.nowMs = endMs;
  }

  /** Number of the newest forward. */
  get number(): number {
    return this.#forwards.at(-1) ?? 0;
  }

  #forwards: number[] = [];

  get #now() {
    return toMillis(this.nowMs);
  }

  #gather(): void {
    for (const effect of effectsOf(this.world)) {
      if (effect.type === "send" && effect.message.type === "forward") {
        this.said.push(`ask ${effect.to}`);
        this.#forwards.push(effect.message.call);
      } else if (effect.type === "send" && effect.message.type === "forwardReply") {
        const { reply } = effect.message;
        this.said.push(`tell ${effect.to} ${reply.type === "failed" ? reply.failure.code : reply.type}`);
      } else if (effect.type === "send" && effect.message.type !== "forwardCancel") {
        this.said.push(`${effect.message.type} ${effect.to}`);
      } else if (effect.type === "reply") {
        const { reply } = effect;
        const word = reply.type === "failed" ? `${reply.failure.code} ${reply.failure.effect}` : reply.type;
        this.said.push(word);
      } else if (effect.type === "watch") {
        const { message } = effect;
        this.said.push(message.type === "canceled" ? `canceled ${message.failure.code}` : message.type);
      }
    }
  }
}

function owner(leader: NodeId | null, leaderlessMs: number, served: string[] = []): LocalGroup {
  return {
    leader,
    membership: firstConfiguration([n1, n2, n3]).membership,
    leaderlessMs: () => leaderlessMs,
    silent: () => null,
    serve: (call) => {
      served.push(call.request.type);
      return call.request.type === "groupStatus";
    },
  };
}

test("a call is forwarded to an owner, and its answer goes to the caller", () => {
  const rig = new Rig();
  rig.call(put("k", "v"));
  rig.replied(n1, rig.number, done);
  assert.deepEqual(rig.said, ["ask n1", "put"]);
  assert.equal(rig.router.forwardedCount, 0);
});

test("an unknown group is said to be unknown", () => {
  const rig = new Rig();
  rig.call(get("k", "local", toGroupId("nobody")));
  assert.deepEqual(rig.said, ["not_found none"]);
});

test("an owner that names the leader sends the call there, and the next one goes there at once", () => {
  const rig = new Rig();
  rig.call(put("k", "v"));
  rig.replied(n1, rig.number, notLeader(n3));
  rig.replied(n3, rig.number, done);
  rig.call(put("k", "v"));
  assert.deepEqual(rig.said, ["ask n1", "ask n3", "put", "ask n3"]);
});

test("an owner that knows no leader sends the call to the next one, after a pause", () => {
  const rig = new Rig();
  rig.call(put("k", "v"));
  rig.replied(n1, rig.number, notLeader());
  assert.deepEqual(rig.said, ["ask n1"]);
  rig.advance(limits.retryPauseMs);
  assert.deepEqual(rig.said, ["ask n1", "ask n2"]);
});

test("an owner without a quorum may be cut off alone: the others are asked before the caller is told", () => {
  const alone: Reply = { type: "failed", failure: failure("no_quorum", "alone", { group: rg }) };
  const rig = new Rig();
  rig.call(put("k", "v"));
  rig.replied(n1, rig.number, alone);
  rig.advance(limits.retryPauseMs);
  rig.replied(n2, rig.number, alone);
  rig.advance(limits.retryPauseMs);
  rig.replied(n3, rig.number, alone);
  assert.deepEqual(rig.said, ["ask n1", "ask n2", "ask n3", "no_quorum none"]);
});

test("what a transaction's coordinator says of another group's quorum is the answer, and is asked of nobody else", () => {
  const reply: Reply = { type: "failed", failure: failure("no_quorum", "stock is alone", { group: "stock" }) };
  const rig = new Rig();
  rig.call({ type: "transact", group: rg, parts: [] });
  rig.replied(n1, rig.number, reply);
  assert.deepEqual(rig.said, ["ask n1", "no_quorum none"]);
});

test("whose time is up while the others are still to be asked is told what the owner without a quorum said", () => {
  const rig = new Rig();
  const call = rig.call(put("k", "v"));
  rig.replied(n1, rig.number, { type: "failed", failure: failure("no_quorum", "alone", { group: rg }) });
  assert.equal(rig.router.expired(call).code, "no_quorum");
  rig.advance(limits.retryPauseMs);
  const { code, effect } = rig.router.expired(call);
  assert.deepEqual([code, effect], ["deadline", "unknown"]);
});

test("an owner without a quorum is believed soon when the others cannot be reached", () => {
  const alone: Reply = { type: "failed", failure: failure("no_quorum", "alone", { group: rg }) };
  const rig = new Rig([n1]);
  rig.call(put("k", "v"));
  rig.replied(n1, rig.number, alone);
  rig.advance(limits.knockMs + limits.parkedCheckMs + limits.retryPauseMs);
  assert.deepEqual(rig.said, ["ask n1", "no_quorum none"]);
  assert.equal(rig.router.forwardedCount, 0);
  rig.advance(1_000);
  assert.equal(rig.router.deadlineMs(), null);
});

test("an owner without a quorum is not believed when another comes up in time", () => {
  const rig = new Rig([n1]);
  rig.call(put("k", "v"));
  rig.replied(n1, rig.number, { type: "failed", failure: failure("no_quorum", "alone", { group: rg }) });
  rig.advance(2 * limits.retryPauseMs);
  rig.world.connected.add(n2);
  rig.router.peerUp(n2, toMillis(rig.nowMs));
  rig.advance(limits.parkedCheckMs);
  rig.replied(n2, rig.number, done);
  assert.deepEqual(rig.said, ["ask n1", "ask n2", "put"]);
});

test("two owners that name each other do not play with a call for ever", () => {
  const rig = new Rig();
  rig.call(put("k", "v"));
  for (let at = 0; at < 6; at++) {
    rig.replied(n1, rig.number, notLeader(n2));
    rig.replied(n2, rig.number, notLeader(n1));
    rig.replied(n3, rig.number, notLeader(n1));
  }
  const asked = rig.said.length;
  assert.ok(asked <= 4, `${asked} owners were asked in one moment`);
});

test("an answer of somebody who was not asked counts nothing, nor does a second one", () => {
  const rig = new Rig();
  rig.call(put("k", "v"));
  rig.replied(n2, rig.number, done);
  assert.deepEqual(rig.said, ["ask n1"]);
  rig.replied(n1, rig.number, done);
  rig.replied(n1, rig.number, done);
  assert.deepEqual(rig.said, ["ask n1", "put"]);
});

test("a node that stops is asked nothing more: a write waits for another owner, or for its next start", () => {
  const stops: Reply = { type: "failed", failure: failure("stopping", "going", { node: n1 }) };
  const rig = new Rig();
  rig.call(put("k", "v"));
  rig.replied(n1, rig.number, stops);
  rig.advance(limits.retryPauseMs);
  assert.deepEqual(rig.said, ["ask n1", "ask n3"]);
  rig.call(put("k", "v"));
  assert.equal(rig.said.at(-1), "ask n2");
  rig.local = owner(n1, 0);
  const call = rig.call(put("k", "v"));
  rig.advance(10 * limits.retryPauseMs);
  rig.down(n1);
  assert.deepEqual(rig.said.slice(3), []);
  assert.equal(call.mayHaveHappened, false);
  rig.world.connected.add(n1);
  rig.router.peerUp(n1, toMillis(rig.nowMs));
  rig.advance(limits.retryPauseMs);
  assert.deepEqual(rig.said.slice(3), ["ask n1"]);
});

test("only a node itself says that it stops, also in a reply to no call, and its word counts for a while", () => {
  const stops: Reply = { type: "failed", failure: failure("stopping", "going", { node: n1 }) };
  const rig = new Rig();
  rig.replied(n2, 0, stops);
  rig.call(put("k", "v"));
  rig.replied(n1, 0, stops);
  rig.call(put("k", "v"));
  rig.advance(limits.departureMs);
  rig.call(put("k", "v"));
  assert.deepEqual(rig.said, ["ask n1", "ask n2", "ask n1"]);
});

test("a call of another node that waits here for a leader is sent back when this node stops, and so is the next", () => {
  const rig = new Rig();
  rig.local = owner(null, 0);
  rig.call(put("k", "v"), { type: "peer", node: n1, call: 7 });
  rig.call(put("k", "v"));
  rig.world.departures.begin();
  rig.router.stopping(toMillis(rig.nowMs));
  rig.call(put("k", "v"), { type: "peer", node: n2, call: 8 });
  assert.deepEqual(rig.said, ["tell n1 stopping", "tell n2 stopping"]);
});

test("a call of another node is never passed on", () => {
  const rig = new Rig();
  const caller: Caller = { type: "peer", node: n2, call: 5 };
  rig.call(put("k", "v"), caller);
  rig.local = owner(n1, 0);
  rig.call(put("k", "v"), { ...caller, call: 6 });
  assert.deepEqual(rig.said, ["tell n2 not_leader", "tell n2 not_leader"]);
});

test("a write whose owner breaks away may have happened; a read is asked again elsewhere", () => {
  const rig = new Rig();
  rig.call(put("k", "v"));
  rig.call(get("k"));
  rig.down(n1);
  assert.deepEqual(rig.said, ["ask n1", "ask n1", "outcome_unknown unknown"]);
  rig.advance(limits.retryPauseMs);
  assert.equal(rig.said.at(-1)?.startsWith("ask n"), true);
  assert.notEqual(rig.said.at(-1), "ask n1");
});

test("a write that could not be sent to anybody has not happened, and is not lost when an owner comes", () => {
  const rig = new Rig([]);
  const call = rig.call(put("k", "v"));
  rig.down(n1);
  assert.deepEqual(rig.said, []);
  assert.equal(call.mayHaveHappened, false);
  rig.world.connected.add(n3);
  rig.router.peerUp(n3, toMillis(rig.nowMs));
  rig.advance(1000);
  assert.deepEqual(rig.said, ["ask n3"]);
});

test("a write that this node serves after all, as the leader, is not given up because nobody can be reached", () => {
  const rig = new Rig([]);
  rig.local = owner(n1, 0);
  rig.call(put("k", "v"));
  rig.local = { ...owner(n4, 0), serve: () => true };
  rig.router.peerDown(n1, toMillis(rig.nowMs));
  rig.advance(2 * limits.noQuorumGraceMs);
  assert.deepEqual(rig.said, []);
});

test("with no owner to be reached a call fails, and names them all", () => {
  const rig = new Rig([]);
  rig.call(put("k", "v"));
  rig.advance(limits.noQuorumGraceMs + 500);
  assert.deepEqual(rig.said, ["no_quorum none"]);
  assert.equal(rig.router.forwardedCount, 0);
});

test("a call at an owner waits for a leader, and goes on when there is one", () => {
  const rig = new Rig();
  const served: string[] = [];
  rig.local = owner(null, 0, served);
  rig.call(put("k", "v"));
  assert.deepEqual([rig.said, served], [[], ["put"]]);
  rig.local = owner(n2, 0, served);
  rig.router.leaderChanged(rg, toMillis(rig.nowMs));
  rig.advance(0);
  rig.call(get("k"));
  assert.deepEqual(rig.said, ["ask n2", "ask n2"]);
});

test("a call at an owner without a quorum is told who is missing, at once or while it waits", () => {
  const rig = new Rig([]);
  rig.local = owner(null, 0);
  rig.call(put("k", "v"));
  rig.local = owner(null, limits.noQuorumGraceMs);
  rig.advance(limits.parkedCheckMs);
  rig.call(put("k", "v"));
  assert.deepEqual(rig.said, ["no_quorum none", "no_quorum none"]);
  rig.advance(10_000);
  assert.equal(rig.router.deadlineMs(), null);
});

test("a call of another node that finds no leader is sent back while there is time for another owner", () => {
  const rig = new Rig();
  rig.local = owner(null, 0);
  rig.call(put("k", "v"), { type: "peer", node: n1, call: 7 });
  rig.call(put("k", "v"));
  rig.advance(limits.noQuorumGraceMs - limits.parkedCheckMs);
  assert.deepEqual(rig.said, []);
  rig.advance(2 * limits.parkedCheckMs);
  assert.deepEqual(rig.said, ["tell n1 no_leader"]);
  rig.local = owner(n2, 0);
  rig.router.leaderChanged(rg, toMillis(rig.nowMs));
  rig.call(put("k", "v"));
  assert.deepEqual(rig.said.slice(1), ["ask n2", "ask n2"]);
});

test("whoever answers after an owner that knew of no leader is asked first from then on", () => {
  const rig = new Rig();
  rig.call(put("k", "v"));
  rig.replied(n1, rig.number, { type: "failed", failure: failure("no_leader", "nobody", { group: rg }) });
  rig.advance(limits.retryPauseMs);
  rig.replied(n2, rig.number, done);
  rig.call(put("k", "v"));
  assert.deepEqual(rig.said, ["ask n1", "ask n2", "put", "ask n2"]);
});

test("an owner that lets a call expire itself is asked last, also when it says so late", () => {
  const rig = new Rig();
  const expired: Reply = { type: "failed", failure: failure("deadline", "not in time", { group: rg }) };
  rig.call(put("k", "v"));
  rig.replied(n1, rig.number, expired);
  rig.call(put("k", "v"));
  rig.replied(n1, rig.number - 1, expired);
  rig.replied(n2, rig.number, done);
  rig.call(put("k", "v"));
  assert.deepEqual(rig.said, ["ask n1", "deadline unknown", "ask n2", "put", "ask n2"]);
});

test("a silent owner is asked when it is the only one that can be reached", () => {
  const rig = new Rig([n1]);
  rig.router.expired(rig.call(get("k")));
  rig.call(get("k"));
  rig.advance(limits.parkedCheckMs);
  assert.deepEqual(rig.said, ["ask n1", "ask n1"]);
});

test("a caller that goes away leaves nothing behind", () => {
  const rig = new Rig();
  const forwarded = rig.call(put("k", "v"));
  rig.router.forget(forwarded.key);
  const cancels = effectsOf(rig.world).filter(
    (effect) => effect.type === "send" && effect.message.type === "forwardCancel",
  );
  assert.equal(cancels.length, 1);
  rig.local = owner(null, 0);
  const parked = rig.call(put("k", "v"));
  rig.router.forget(parked.key);
  rig.advance(5000);
  assert.deepEqual([rig.router.forwardedCount, rig.router.deadlineMs()], [0, null]);
});

test("a call that expires says whether it may have happened, and its silent owner is asked last", () => {
  const rig = new Rig();
  const call = rig.call(put("k", "v"));
  const { code, effect } = rig.router.expired(call);
  assert.deepEqual([code, effect], ["deadline", "unknown"]);
  rig.call(put("k", "v"));
  assert.deepEqual(rig.said, ["ask n1", "ask n2"]);
});

const opened: WatchMessage = { type: "opened", header, revision: toRevision(3) };
const events = (revision: number): WatchMessage => ({ type: "events", revision: toRevision(revision), events: [] });

test("a watch that has not begun is tried elsewhere; one that has is ended, for its client to resume", () => {
  const rig = new Rig();
  rig.call(watchAll());
  rig.down(n1);
  rig.advance(limits.retryPauseMs);
  assert.deepEqual(rig.said, ["ask n1", "ask n3"]);
  rig.streamed(n3, rig.number, opened);
  rig.down(n3);
  assert.equal(rig.said.at(-1), "canceled no_leader");
});

test("messages of a stream go on once and in order, whatever the network repeats", () => {
  const rig = new Rig();
  rig.call(watchAll());
  for (const message of [opened, opened, events(3), events(3), events(5), events(4)]) {
    rig.streamed(n1, rig.number, message);
  }
  assert.deepEqual(rig.said, ["ask n1", "opened", "events", "events"]);
});

test("a message in parts goes on when it is whole, and each part but the last is answered", () => {
  const rig = new Rig();
  rig.call(watchAll());
  rig.streamed(n1, rig.number, events(3), { part: 0, more: true });
  rig.streamed(n1, rig.number, opened);
  for (const part of [1, 0, 0, 2, 1]) rig.streamed(n1, rig.number, events(3), { part, more: true });
  rig.streamed(n1, rig.number, events(3), { part: 2, more: false });
  rig.streamed(n1, rig.number, events(3), { part: 0, more: true });
  rig.streamed(n1, rig.number, events(4));
  const answered = "forwardDrained n1";
  assert.deepEqual(rig.said, ["ask n1", "opened", answered, answered, "events", "events"]);
});

test("a revision too large to be put together ends its stream, which is told why", () => {
  const rig = new Rig();
  rig.call(watchAll());
  rig.streamed(n1, rig.number, opened);
  const revision = toRevision(3);
  const versions = { createRevision: revision, modRevision: revision, version: 1, lease: 0 };
  const kv = { key: emptyBytes, value: new Uint8Array(2 ** 20), ...versions };
  const event = { key: kv.key, kv, previous: null, revision, endedLease: 0 };
  const message: WatchMessage = { type: "events", revision, events: [event] };
  for (let part = 0; part < 64; part++) rig.streamed(n1, rig.number, message, { part, more: true });
  assert.equal(rig.said.at(-1), "canceled invalid_argument");
  assert.equal(rig.router.forwardedCount, 0);
});

test("a stream that has fallen silent is ended", () => {
  const rig = new Rig();
  rig.call(watchAll());
  rig.streamed(n1, rig.number, opened);
  rig.advance(limits.watchSilenceMs + limits.watchProgressMs);
  assert.equal(rig.said.at(-1), "canceled no_leader");
  rig.advance(10_000);
  assert.equal(rig.router.deadlineMs(), null);
});

test("a stream whose opening was lost is opened anew, however much else comes of it", () => {
  const rig = new Rig();
  rig.call(watchAll());
  const lost = rig.number;
  for (let passedMs = 0; passedMs < limits.watchSilenceMs + limits.watchProgressMs; passedMs += 500) {
    rig.advance(500);
    rig.streamed(n1, lost, { type: "progress", revision: toRevision(5) });
  }
  rig.advance(limits.retryPauseMs);
  assert.deepEqual(rig.said.filter((line) => line.startsWith("ask")).length, 2);
  rig.streamed(n1, rig.number, opened);
  rig.streamed(n2, rig.number, opened);
  assert.equal(rig.said.at(-1), "opened");
});

test("one forwarded call too many is refused", () => {
  const rig = new Rig();
  for (let at = 0; at < limits.forwardsMax; at++) rig.call(get("k"), { type: "part", answer: () => {} });
  rig.said.length = 0;
  const kept = rig.world.calls.count;
  rig.world.calls.close(1);
  rig.call(put("k", "v"));
  assert.deepEqual([rig.said, kept], [["overloaded none"], limits.forwardsMax]);
});

test("calls of clients that are under way elsewhere keep no renewal and no reservation from being forwarded", () => {
  const rig = new Rig();
  for (let at = 0; at < limits.forwardsMax; at++) rig.call(get("k"), { type: "part", answer: () => {} });
  rig.said.length = 0;
  for (const request of [renewalOf(n4), reserveOn(n1)]) {
    const before = rig.number;
    rig.call(request, { type: "part", answer: () => {} });
    assert.equal(rig.number, before + 1, request.type);
  }
});
