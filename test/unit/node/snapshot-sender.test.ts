// Parts of a snapshot go between nodes as messages: how large they become.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toIncarnation, toLogIndex, toMillis, toTerm } from "../../../proto/ids.ts";
import { anyMember } from "../../../proto/membership.ts";
import type { PeerMessage, StateRow } from "../../../proto/messages.ts";
import { Applier } from "../../../server/node/applier.ts";
import { GroupState } from "../../../server/node/group-state.ts";
import { limits } from "../../../server/node/limits.ts";
import { SnapshotSender } from "../../../server/node/snapshot-sender.ts";
import { bytesOf, emptyBytes } from "../../../storage/bytes.ts";
import { n1, n2, n3, rg } from "./cluster.ts";

const nowMs = toMillis(0);

/** Of a group that holds these rows besides what every group holds. */
function sent(sizes: readonly number[]): { readonly state: GroupState; readonly parts: readonly StateRow[][] } {
  const object = { group: rg, incarnation: toIncarnation(1), owners: [n1, n2, n3], config: emptyBytes };
  const state = GroupState.genesis(object, 1);
  for (const [at, size] of sizes.entries()) state.rows.set("prepared", bytesOf(`t${at}`), new Uint8Array(size));
  const record = new Applier(state, { term: toTerm(1), index: toLogIndex(1) }).record();
  const address = { group: rg, incarnation: object.incarnation, fromMember: anyMember, toMember: anyMember };
  const sender = new SnapshotSender({ peer: n2, address, term: toTerm(1) }, state, record, nowMs);
  const parts = [rowsOf(sender.message)];
  while (sender.acknowledged(parts.length, nowMs) === "send") parts.push(rowsOf(sender.message));
  return { state, parts };
}

function rowsOf(message: PeerMessage): StateRow[] {
  assert.ok(message.type === "snapshotPart");
  return [...message.rows];
}

function bytesOfRows(rows: readonly StateRow[]): number {
  return rows.reduce((sum, { key, value }) => sum + key.byteLength + value.byteLength, 0);
}

test("no part is larger than its bound and one row, however large the small rows are", () => {
  const rowBytes = limits.transactionBytesMax;
  const { state, parts } = sent([rowBytes, 10, 10, ...Array.from({ length: 12 }, () => rowBytes)]);
  for (const rows of parts) {
    assert.ok(bytesOfRows(rows) < limits.snapshotPartBytes + rowBytes + 100, `${bytesOfRows(rows)} bytes`);
  }
  const [applied, ...others] = parts.flat().reverse();
  assert.ok(applied !== undefined);
  assert.deepEqual(others.reverse(), state.rows.smallRows());
});

test("rows that are small go together", () => {
  const { parts } = sent(Array.from({ length: 1_000 }, () => 100));
  assert.ok(parts.length <= 3, `${parts.length} parts`);
});
