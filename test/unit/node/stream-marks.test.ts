// What a forwarded stream brings goes on once and in order, whatever the network does to it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toRevision } from "../../../proto/ids.ts";
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
