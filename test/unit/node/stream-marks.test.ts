// What a forwarded stream brings goes on once and in order, whatever the network does to it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toLogIndex, toNodeId, toRevision } from "../../../proto/ids.ts";
import type { WatchMessage } from "../../../proto/requests.ts";
import { StreamReception } from "../../../server/node/stream-marks.ts";
import { historyOf, startOf } from "../watch/fixtures.ts";

const { header } = startOf(historyOf());
const progress = (revision: number): WatchMessage => ({ type: "progress", revision: toRevision(revision) });

test("a bookmark that a later one has overtaken does not go on", () => {
  const reception = new StreamReception();
  reception.takes({ type: "opened", header, revision: toRevision(13) });
  assert.deepEqual(
    [14, 13, 14].map((revision) => reception.takes(progress(revision))),
    [true, false, true],
  );
});

const position = { groups: [], clusterIndex: toLogIndex(1), sphere: null };

function nodes(revision: number, departed: readonly string[] = []): WatchMessage {
  const told = { nodes: [], departed: departed.map(toNodeId), initial: false, more: false, position };
  return { type: "nodeStates", revision: toRevision(revision), ...told };
}

test("a bookmark of nodes goes on although it is of the place where the stream stands, and needs no room", () => {
  const reception = new StreamReception();
  reception.takes({ type: "opened", header, revision: toRevision(6) });
  assert.deepEqual([reception.takes(nodes(5)), reception.isUnread], [true, false]);
  assert.deepEqual([reception.takes(nodes(6, ["n9"])), reception.isUnread], [true, true]);
  assert.deepEqual([reception.takes(nodes(6, ["n9"])), reception.takes(nodes(5))], [false, false]);
});
