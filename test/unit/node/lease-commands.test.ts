// What the log of a group makes of its leases: alike on every replica, whatever was restored or sent meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeGroupCommand } from "../../../proto/codec/commands.ts";
import { encodeLease } from "../../../proto/codec/records.ts";
import type { GroupCommand } from "../../../proto/commands.ts";
import { toIncarnation, toLogIndex, toMillis, toTerm } from "../../../proto/ids.ts";
import { anyMember } from "../../../proto/membership.ts";
import { Applier } from "../../../server/node/applier.ts";
import { logStart } from "../../../server/node/genesis.ts";
import { type GroupOutcome, GroupState } from "../../../server/node/group-state.ts";
import { limits } from "../../../server/node/limits.ts";
import { SnapshotReceiver } from "../../../server/node/snapshot-receiver.ts";
import { SnapshotSender } from "../../../server/node/snapshot-sender.ts";
import { bytesOf, emptyBytes, textOf } from "../../../storage/bytes.ts";
import { n1, n2, n3, rg } from "./cluster.ts";

const term = toTerm(4);

class Log {
  readonly applier: Applier<GroupOutcome, GroupState>;

  constructor() {
    const object = { group: rg, incarnation: toIncarnation(1), owners: [n1, n2, n3], config: emptyBytes };
    this.applier = new Applier(GroupState.genesis(object, 1), logStart);
  }

  get state(): GroupState {
    return this.applier.state;
  }

  get index(): number {
    return this.applier.applied.index;
  }

  apply(command: GroupCommand, in_ = term): GroupOutcome {
    const payload = encodeGroupCommand(command);
    return this.applier.apply({ term: in_, index: toLogIndex(this.index + 1), payload }) as GroupOutcome;
  }

  /** By a snapshot, part by part. */
  sent(): GroupState {
    const record = this.applier.record();
    const address = { group: rg, incarnation: toIncarnation(1), fromMember: anyMember, toMember: anyMember };
    const sender = new SnapshotSender({ peer: n2, address, term }, this.state, record, toMillis(0));
    const receiver = new SnapshotReceiver(9, n1, this.applier.applied);
    for (let next = "send"; next !== "installed"; next = sender.acknowledged(receiver.next, toMillis(0))) {
      assert.equal(next, "send");
      const part = sender.message;
      assert.ok(part.type === "snapshotPart" && receiver.take(part) !== null && part.rows.length <= 4_200);
    }
    const rows = receiver.finish();
    assert.ok(typeof rows !== "string");
    const restored = GroupState.restore(rows);
    assert.ok(restored instanceof GroupState, String(restored));
    return restored;
  }
}

const grant = (id: number, ttlMs = 5_000) => ({ type: "grantLease", id, ttlMs }) as const;
const put = (key: string, lease: number): GroupCommand => {
  const writes = [{ type: "put", key: bytesOf(key), value: bytesOf("v"), lease } as const];
  return { type: "write", compares: [], fence: null, writes, returnsRemoved: false };
};
const expire = (id: number, renewedAt: number, by = term): GroupCommand => {
  return { type: "expireLeases", term: by, leases: [{ id, renewedAt: toLogIndex(renewedAt) }] };
};
const checkpoint = (id: number, renewedAt: number, remainingMs: number): GroupCommand => {
  return { type: "checkpointLeases", leases: [{ lease: { id, renewedAt: toLogIndex(renewedAt) }, remainingMs }] };
};

test("an end counts in the term of the leader that has proposed it, and in no other", () => {
  const log = new Log();
  log.apply(grant(7));
  const kept = { type: "leasesExpired", ended: [], kept: [7] };
  for (const other of [3, 5]) assert.deepEqual(log.apply(expire(7, 1), toTerm(other)), kept);
  assert.deepEqual(log.apply(expire(7, 1)), { type: "leasesExpired", ended: [7], kept: [] });
});

test("an end or a remaining time of before a renewal, or of another lease of that name, counts nothing", () => {
  const log = new Log();
  log.apply(grant(7));
  log.apply({ type: "renewLease", id: 7 });
  log.apply(expire(7, 1));
  log.apply(checkpoint(7, 1, 100));
  assert.deepEqual(log.state.leases.get(7), { id: 7, ttlMs: 5_000, remainingMs: null, renewedAt: 2 });
  log.apply({ type: "revokeLease", id: 7 });
  log.apply(grant(7, 9_000));
  log.apply(expire(7, 2));
  log.apply(checkpoint(7, 2, 100));
  assert.deepEqual(log.state.leases.get(7), { id: 7, ttlMs: 9_000, remainingMs: null, renewedAt: 6 });
});

test("what is left only falls, until a renewal makes it whole", () => {
  const log = new Log();
  log.apply(grant(7));
  const left: (number | null | undefined)[] = [];
  for (const command of [checkpoint(7, 1, 3_000), checkpoint(7, 1, 4_000), { type: "renewLease", id: 7 } as const]) {
    log.apply(command);
    left.push(log.state.leases.get(7)?.remainingMs);
  }
  assert.deepEqual(left, [3_000, 3_000, null]);
});

test("a group has so many leases and no more", () => {
  const log = new Log();
  const lease = { ttlMs: 5_000, remainingMs: null, renewedAt: toLogIndex(0) };
  for (let id = 1; id <= limits.leasesMax; id++)
    log.state.leases.restore("leases", { value: encodeLease({ id, ...lease }) });
  const outcome = log.apply(grant(limits.leasesMax + 1));
  assert.equal(outcome.type === "refused" && outcome.failure.code, "overloaded");
  assert.match(outcome.type === "refused" ? outcome.failure.message : "", /has 100000 leases, limit 100000/);
});

test("a snapshot brings many leases in several parts", () => {
  const log = new Log();
  for (let id = 1; id <= 5_000; id++) log.apply(grant(id));
  const copy = log.sent();
  assert.equal(copy.leases.size, 5_000);
  assert.equal(copy.rows.digest(), log.state.rows.digest());
});

test("while its replicas are in dispute a group ends no lease, grants none, and lets holders renew", () => {
  const log = new Log();
  log.apply(grant(7));
  log.apply({ type: "dispute", hashes: { index: toLogIndex(1), hashes: [] } });
  for (const command of [grant(8), { type: "revokeLease", id: 7 } as const]) {
    const outcome = log.apply(command);
    assert.equal(outcome.type === "refused" && outcome.failure.code, "corrupt");
  }
  assert.deepEqual(log.apply(expire(7, 1)), { type: "leasesExpired", ended: [], kept: [7] });
  assert.equal(log.apply({ type: "renewLease", id: 7 }).type, "leaseRenewed");
  log.apply({ type: "settle", index: toLogIndex(9) });
  assert.deepEqual(log.apply(expire(7, 6)), { type: "leasesExpired", ended: [7], kept: [] });
});

type Step =
  | { readonly type: "grantLease" | "renewLease" | "revokeLease"; readonly id: number }
  | { readonly type: "put"; readonly key: string; readonly lease: number }
  | { readonly type: "expire" | "checkpoint"; readonly id: number; readonly isCurrent: boolean };

const id = fc.integer({ min: 1, max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constantFrom("grantLease" as const, "renewLease" as const, "revokeLease" as const), id }),
  fc.record({ type: fc.constant("put" as const), key: fc.constantFrom("a", "b", "c", "d"), lease: fc.nat(3) }),
  fc.record({ type: fc.constantFrom("expire" as const, "checkpoint" as const), id, isCurrent: fc.boolean() }),
);

function commandOf(log: Log, of: Step): GroupCommand {
  if (of.type === "put") return put(of.key, of.lease);
  if (of.type === "grantLease") return grant(of.id);
  if (of.type !== "expire" && of.type !== "checkpoint") return { type: of.type, id: of.id };
  const renewedAt = (log.state.leases.get(of.id)?.renewedAt ?? 0) + (of.isCurrent ? 0 : 1);
  return of.type === "expire" ? expire(of.id, renewedAt) : checkpoint(of.id, renewedAt, 1_000);
}

function keysByLease(state: GroupState): Map<number, string[]> {
  const page = state.mvcc.range({ start: emptyBytes, end: null }, { at: null, limit: 100 });
  assert.ok(page.type === "page");
  const attached = page.kvs.filter(({ lease }) => lease !== 0);
  return new Map(
    [...Map.groupBy(attached, ({ lease }) => lease)].map(([lease, kvs]) => [lease, kvs.map(({ key }) => textOf(key))]),
  );
}

test("every key is with its lease and every lease with its keys, after any commands and after a snapshot", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const log = new Log();
      for (const each of steps) log.apply(commandOf(log, each));
      for (const state of [log.state, log.sent()]) {
        const byLease = keysByLease(state);
        for (const lease of byLease.keys()) assert.ok(state.leases.get(lease) !== null, `lease ${lease} is gone`);
        for (const lease of [1, 2, 3])
          assert.deepEqual(state.leases.keysOf(lease).map(textOf), byLease.get(lease) ?? []);
        assert.equal(state.rows.digest(), log.state.rows.digest());
      }
    }),
    { numRuns: 200 },
  );
});
