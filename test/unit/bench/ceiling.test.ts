// The ceiling answers a put only when two of its three disks have it: else it would be a ceiling of nothing.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { Level } from "level";
import { encodePiece, PieceReader } from "../../../bench/ceiling/pieces.ts";
import { startCeiling } from "../../../bench/ceiling/start.ts";
import { StreamClient } from "../../../bench/ceiling/stream-client.ts";
import { Children } from "../../../bench/children.ts";
import type { PutClient } from "../../../bench/put-client.ts";
import { UnaryClient } from "../../../bench/unary-client.ts";
import { workload } from "../../../bench/workload.ts";

const program = fileURLToPath(new URL("../../../bench/main.ts", import.meta.url));

test("PieceReader finds the same pieces however the stream was cut", () => {
  const contents = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(contents, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (parts, cuts) => {
      const pieces = parts.map((part, at) => encodePiece(2 ** 33 + at, [part]));
      let rest = Buffer.concat(pieces);
      const reader = new PieceReader();
      const read = [];
      for (let turn = 0; rest.length > 0; turn++) {
        const cut = cuts[turn % cuts.length] ?? 1;
        read.push(...reader.read(rest.subarray(0, cut)));
        rest = rest.subarray(cut);
      }
      assert.deepEqual(
        read,
        pieces.map((bytes, at) => ({ number: 2 ** 33 + at, bytes })),
      );
    }),
  );
});

for (const { spread, Client } of [
  { spread: "stream", Client: UnaryClient },
  { spread: "gossip", Client: StreamClient },
] as const) {
  test(`the ceiling has every acknowledged put of a ${Client.name} on two disks, by ${spread}`, async () => {
    const directory = await mkdtemp(join(tmpdir(), "bailiwick-ceiling-"));
    const aborting = new AbortController();
    const children = new Children(directory, (reason) => aborting.abort(reason));
    try {
      const stage = { program, children, directory, signal: aborting.signal, progress: () => {} };
      const { endpoint, pids } = await startCeiling(stage, { spread, profileDirectory: null });
      assert.equal(new Set(pids).size, 3);
      const client = new Client(endpoint);
      await client.connect();
      const acknowledged = 400;
      // 128 KiB at a time: more than the multiplexer sends in one frame.
      await Promise.all(Array.from({ length: acknowledged }, () => client.put()));
      assert.equal(client.puts.acknowledged, acknowledged);
      await waitsForOneFollower(client, pids.slice(1));
      client.close();
      for (const pid of pids) process.kill(pid, "SIGKILL");
      await children.stop();
      const parts = ["leader", "follower1", "follower2"];
      const stored = await Promise.all(parts.map((part) => bytesIn(join(directory, `ceiling-${spread}-${part}`))));
      const complete = stored.filter((bytes) => bytes >= acknowledged * workload.valueBytes);
      assert.ok(complete.length >= 2, `bytes on the disks: ${stored.join(", ")}`);
    } finally {
      await children.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
}

/** The leader's own disk alone is no majority, and one frozen follower does no harm. */
async function waitsForOneFollower(client: PutClient, followers: readonly number[]): Promise<void> {
  for (const pid of followers) process.kill(pid, "SIGSTOP");
  let isAnswered = false;
  const put = client.put().then(() => {
    isAnswered = true;
  });
  await sleep(300);
  assert.equal(isAnswered, false);
  process.kill(followers[0] ?? 0, "SIGCONT");
  await put;
  process.kill(followers[1] ?? 0, "SIGCONT");
}

async function bytesIn(directory: string): Promise<number> {
  const db = new Level<Uint8Array, Uint8Array>(directory, { keyEncoding: "view", valueEncoding: "view" });
  let bytes = 0;
  for await (const value of db.values()) bytes += value.length;
  await db.close();
  return bytes;
}
