// What a group remembers of its sessions, and what it forgets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toIncarnation, toLogIndex, toRevision } from "../../../proto/ids.ts";
import type { RememberedOutcome } from "../../../proto/sessions.ts";
import { SessionState } from "../../../server/node/session-state.ts";
import { StateRows } from "../../../server/node/state-rows.ts";
import { parseKey, rowOfSlot } from "../../../storage/keys.ts";

const bounds = { sessionAnswersMax: 4, groupAnswersMax: 6 };
const id = { group: toGroupId("a"), incarnation: toIncarnation(1), index: toLogIndex(7) };
const written: RememberedOutcome = { type: "written", revision: toRevision(2), replaced: 0 };

class Scene {
  readonly rows = new StateRows(0);
  readonly state = new SessionState(this.rows, bounds);
  #index = 0;

  constructor(...sessions: readonly string[]) {
    for (const session of sessions) this.state.open(session, 10_000);
  }

  remember(session: string, sequence: number, outcome = written): void {
    this.#index += 1;
    const at = { incarnation: toIncarnation(1), index: toLogIndex(this.#index) };
    this.state.remember({ identity: { session, sequence }, digest: "00000000000000ff", ...at, outcome });
  }

  known(session: string, most = 20): readonly number[] {
    const all = Array.from({ length: most }, (_, at) => at + 1);
    return all.filter((sequence) => this.state.find({ session, sequence }) !== null);
  }
}

/** The state as a replica has it that read the rows from its disk, or from a snapshot, in any order. */
function restored({ rows }: Scene): SessionState {
  const other = new StateRows(0);
  const state = new SessionState(other, bounds);
  for (const row of [...rows.smallRows()].reverse()) {
    other.restoreSmall(row);
    const key = parseKey(rowOfSlot(0, row.key));
    if (key.type === "state") state.restore(key.table, row);
  }
  state.restored();
  assert.equal(other.digest(), rows.digest());
  return state;
}

test("a session keeps its newest answers, and sequences behind them are too old", () => {
  const scene = new Scene("s");
  for (const sequence of [2, 1, 3, 4, 5, 6]) scene.remember("s", sequence);
  assert.deepEqual(scene.known("s"), [3, 4, 5, 6]);
  assert.deepEqual([scene.state.sequence("s"), scene.state.floor("s")], [6, 2]);
});

test("a sequence that jumps far ahead leaves nothing behind", () => {
  const scene = new Scene("s");
  for (const sequence of [1, 2, 3, 2 ** 53 - 1]) scene.remember("s", sequence);
  assert.deepEqual(scene.known("s"), []);
  assert.equal(scene.rows.smallRows().length, 2);
});

test("of all sessions together the oldest answer goes first, and what is below it in its session", () => {
  const scene = new Scene("s", "t");
  for (const sequence of [2, 1, 3]) scene.remember("s", sequence);
  for (const sequence of [1, 2, 3, 4]) scene.remember("t", sequence);
  assert.deepEqual([scene.known("s"), scene.known("t")], [[3], [1, 2, 3, 4]]);
  assert.deepEqual([scene.state.sequence("s"), scene.state.floor("s")], [3, 2]);
});

test("a session that is closed leaves no row", () => {
  const scene = new Scene("s");
  for (const sequence of [1, 2, 3]) scene.remember("s", sequence);
  scene.state.close("s");
  assert.deepEqual([scene.rows.smallRows(), scene.state.count, scene.rows.digest()], [[], 0, "0".repeat(16)]);
});

test("a replica that read it from rows remembers the same, and forgets the same next", () => {
  const scene = new Scene("s", "t");
  for (const sequence of [1, 2, 3]) scene.remember("s", sequence);
  scene.remember("t", 1, { type: "begun", id });
  for (const sequence of [2, 3]) scene.remember("t", sequence);
  const other = restored(scene);
  const next = { identity: { session: "t", sequence: 4 }, digest: "00000000000000ff" };
  other.remember({ ...next, incarnation: toIncarnation(1), index: toLogIndex(99), outcome: written });
  assert.equal(other.find({ session: "s", sequence: 1 }), null);
  assert.equal(other.floor("s"), 1);
  other.conclude(id, { type: "concluded", id, decision: "success", revision: toRevision(3), isMade: true });
  assert.equal(other.find({ session: "t", sequence: 1 })?.outcome.type, "concluded");
});
