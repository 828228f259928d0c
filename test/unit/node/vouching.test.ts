// What two nodes agree on without naming it, and every kind of difference that has the groups named again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toMemberId, toMillis, toNodeId } from "../../../proto/ids.ts";
import type { Vouch } from "../../../proto/messages.ts";
import { limits } from "../../../server/node/limits.ts";
import { Vouching } from "../../../server/node/vouching.ts";
import { n1, n2, n3 } from "./cluster.ts";
import { FakeParty } from "./fake-party.ts";

const names = ["ga", "gb", "gc"];

/** n1 leads, n2 follows, in the same groups; the messages of both go through by hand. */
class Pair {
  readonly leader = new Vouching();
  readonly follower = new Vouching();
  nowMs = 0;
  #sequence = 0;
  readonly led = names.map((name) => new FakeParty(name, n1, [n2]).at(this.leader).leads({}));
  followed = names.map((name) => new FakeParty(name, n2).at(this.follower).follows(n1, {}));

  /** A beat and its echo. @returns the groups that the beat names, and whether the follower agrees with the rest */
  beat(): {
    readonly named: readonly string[];
    readonly vouch: Vouch;
    readonly agrees: boolean;
    readonly isWell: boolean;
  } {
    this.nowMs += limits.beatIntervalMs;
    this.#sequence += 1;
    const now = toMillis(this.nowMs);
    this.leader.review(now);
    const { groups, vouch } = this.leader.led.content(n2, this.#sequence, now);
    const named = groups.map(({ group }) => group);
    for (const party of this.followed) if (named.includes(party.key.group)) this.hear(party);
    const agreed = this.follower.agree(n1, vouch, named, now);
    for (const party of this.led) if (named.includes(party.key.group)) this.#heard(party);
    const isWell = this.leader.answered(n2, this.#sequence, agreed, now);
    return { named, vouch, agrees: agreed !== null, isWell };
  }

  /** A follower's standing stays, but it was heard from by the beat that names it. */
  hear(party: FakeParty): void {
    if (party.standing.type === "follows") party.follows(n1, { ...party.standing, heardMs: this.nowMs });
  }

  /** Until all groups are vouched for. */
  quieten(): void {
    for (let beats = 0; beats < 4; beats++) if (this.beat().vouch.groups === names.length) return;
    assert.fail("the groups are named for ever");
  }

  #heard(party: FakeParty): void {
    const { standing } = party;
    if (standing.type !== "leads") return;
    const quiet = standing.quiet.map((follower) => ({ ...follower, heardMs: toMillis(this.nowMs) }));
    party.standing = { ...standing, quiet };
    this.leader.changed(party);
  }
}

test("groups are named until their follower has answered once, and vouched for from then on", () => {
  const pair = new Pair();
  assert.deepEqual(pair.beat().named, names);
  for (let beats = 0; beats < 3; beats++) {
    const { named, vouch, agrees } = pair.beat();
    assert.deepEqual([named, vouch.groups, agrees], [[], names.length, true]);
  }
});

test("every group takes in the newest word only, when it is asked, and each word once", () => {
  const pair = new Pair();
  pair.quieten();
  for (let beats = 0; beats < 5; beats++) pair.beat();
  const [led, followed] = [pair.led[1], pair.followed[1]] as [FakeParty, FakeParty];
  for (const party of [led, followed, led, followed]) party.catchUp();
  assert.deepEqual(
    led.words.map(({ peer, heardMs }) => [peer, heardMs]),
    [[n2, pair.nowMs]],
  );
  assert.deepEqual(
    followed.words.map(({ peer, heardMs }) => [peer, heardMs]),
    [[n1, pair.nowMs]],
  );
  pair.beat();
  led.catchUp();
  assert.equal(led.words.length, 2);
});

const differences: readonly (readonly [string, (pair: Pair, party: FakeParty) => void])[] = [
  ["has restarted, and follows nobody", (_pair, party) => party.standsAlone()],
  ["has lost its data, and is no member any more", (pair, party) => pair.follower.gone(party)],
  ["is behind", (_pair, party) => party.follows(n1, { commit: 0 })],
  ["has not heard of the last commit", (_pair, party) => party.follows(n1, { commit: 0, last: 1 })],
  ["has entries that its leader has not", (_pair, party) => party.follows(n1, { last: 2 })],
  ["is in another term", (_pair, party) => party.follows(n1, { term: 2 })],
  ["follows another leader", (_pair, party) => party.follows(n3, {})],
  [
    "is another member by the same name",
    (_pair, party) => {
      party.member = toMemberId(7);
      party.follows(n1, {});
    },
  ],
  [
    "holds the group in another incarnation",
    (pair, party) => {
      pair.follower.gone(party);
      pair.followed[1] = new FakeParty("gb", n2, [], 2).at(pair.follower).follows(n1, { heardMs: pair.nowMs });
    },
  ],
  [
    "follows in one group more",
    (pair) => {
      pair.followed.push(new FakeParty("gd", n2).at(pair.follower).follows(n1, { heardMs: pair.nowMs }));
    },
  ],
];

for (const [what, change] of differences) {
  test(`all groups are named again when a follower ${what}`, () => {
    const pair = new Pair();
    pair.quieten();
    for (const party of pair.followed) pair.hear(party);
    change(pair, pair.followed[1] as FakeParty);
    const { named, agrees, isWell } = pair.beat();
    assert.deepEqual([named, agrees, isWell], [[], false, false]);
    assert.deepEqual(pair.beat().named, names);
  });
}

test("a word that came before the groups are named again is not lost", () => {
  const pair = new Pair();
  pair.quieten();
  const before = pair.nowMs;
  pair.followed[1]?.standsAlone();
  pair.beat();
  assert.deepEqual(
    pair.led[0]?.words.map(({ heardMs }) => heardMs),
    [before],
  );
});

test("a group in which something happens is named alone, and its follower agrees with the rest", () => {
  const pair = new Pair();
  pair.quieten();
  const [led, followed] = [pair.led[1], pair.followed[1]] as [FakeParty, FakeParty];
  led.busy();
  followed.follows(n1, { commit: 1, last: 2, heardMs: pair.nowMs });
  const { named, vouch, agrees } = pair.beat();
  assert.deepEqual([named, vouch.groups, agrees], [["gb"], names.length - 1, true]);
  followed.catchUp();
  assert.ok(
    followed.words.every(({ heardMs }) => heardMs < pair.nowMs),
    "what is named is not vouched for",
  );
  led.leads({ commit: 2, heardMs: pair.nowMs });
  followed.follows(n1, { commit: 2, heardMs: pair.nowMs });
  assert.deepEqual(pair.beat().named, ["gb"]);
  assert.deepEqual(pair.beat().named, []);
});

test("the beat after a difference vouches for nothing, for else it would be answered by one more at once, and so on", () => {
  const pair = new Pair();
  pair.quieten();
  const [led, followed] = [pair.led[1], pair.followed[1]] as [FakeParty, FakeParty];
  for (const commit of [2, 3]) {
    led.leads({ commit, heardMs: pair.nowMs });
    followed.follows(n1, { commit, heardMs: pair.nowMs });
    if (commit === 3)
      pair.followed.push(new FakeParty("gd", n2).at(pair.follower).follows(n1, { heardMs: pair.nowMs }));
    const { named, isWell } = pair.beat();
    assert.deepEqual([named, isWell], [["gb"], commit === 2]);
  }
  const { named, vouch, isWell } = pair.beat();
  assert.deepEqual([named.toSorted(), vouch.groups, isWell], [names, 0, true]);
});

test("what a follower agreed to before a group changed does not count for the group as it is now", () => {
  const pair = new Pair();
  pair.quieten();
  const [led] = pair.led as [FakeParty];
  led.catchUp();
  const known = led.words.length;
  pair.leader.review(toMillis(pair.nowMs));
  const sequence = 1_000;
  const { vouch } = pair.leader.led.content(n2, sequence, toMillis(pair.nowMs));
  led.leads({ term: 2, heardMs: pair.nowMs });
  pair.leader.answered(n2, sequence, vouch, toMillis(pair.nowMs + 1));
  led.catchUp();
  assert.equal(led.words.length, known);
});

test("the answer of another start of the leader, or to another beat, confirms nothing", () => {
  const pair = new Pair();
  pair.quieten();
  const again = new Pair();
  for (const party of again.led) party.leads({ term: 2 });
  for (const party of again.followed) party.follows(n1, { term: 2 });
  again.quieten();
  const { vouch } = pair.beat();
  const [led] = again.led as [FakeParty];
  again.leader.review(toMillis(again.nowMs));
  again.leader.led.content(n2, 500, toMillis(again.nowMs));
  assert.equal(again.leader.answered(n2, 499, vouch, toMillis(again.nowMs + 1)), true, "no such beat");
  led.catchUp();
  const known = led.words.length;
  assert.equal(again.leader.answered(n2, 500, vouch, toMillis(again.nowMs + 1)), false);
  led.catchUp();
  assert.equal(led.words.length, known);
});

test("a member that waits for a leader of former days keeps the others awake only until it is taken for forgotten", () => {
  const pair = new Pair();
  const stale = new FakeParty("gd", n2).at(pair.follower).follows(n1, { heardMs: 0 });
  let beats = 0;
  while (!pair.beat().agrees || pair.beat().named.length > 0) assert.ok(++beats < 10, "it is never forgotten");
  assert.ok(pair.nowMs >= limits.electionTimeoutMs);
  stale.follows(n1, { heardMs: pair.nowMs });
  assert.equal(pair.beat().agrees, false);
});

test("a review of a group takes a few looks at each follower, however many there are", () => {
  const peers = Array.from({ length: 200 }, (_, position) => toNodeId(`n${position + 2}`));
  const vouching = new Vouching();
  const party = new FakeParty("ga", n1, peers).at(vouching).leads({});
  for (const [sequence, atMs] of [200, 400].entries()) {
    party.leads({ heardMs: atMs });
    vouching.review(toMillis(atMs));
    for (const peer of peers) vouching.led.content(peer, sequence, toMillis(atMs));
  }
  let looks = 0;
  const counted = <Item>(items: readonly Item[]): readonly Item[] => {
    return new Proxy(items, {
      get: (target, key) => {
        if (/^\d+$/.test(String(key))) looks += 1;
        return Reflect.get(target, key);
      },
    });
  };
  const standing = { ...party.leads({ heardMs: 600 }).standing };
  assert.ok(standing.type === "leads");
  party.standing = { ...standing, peers: counted(standing.peers), quiet: counted(standing.quiet) };
  vouching.review(toMillis(600));
  assert.equal(vouching.led.content(n2, 3, toMillis(600)).vouch.groups, 1);
  assert.ok(looks < 10 * peers.length, `${looks} looks`);
});
