// What is said to etcd and understood of it, against bytes as its schema makes them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { putMethod, statusMethod } from "../../../bench/etcd/methods.ts";

const text = (value: string) => Buffer.from(value, "latin1");

test("putMethod writes key and value as fields 1 and 2, and reads the revision in the answer's header", () => {
  assert.equal(putMethod.path, "/etcdserverpb.KV/Put");
  const request = putMethod.requestSerialize({ key: text("key"), value: text("v") });
  assert.deepEqual(request, Buffer.concat([Buffer.of(0x0a, 3), text("key"), Buffer.of(0x12, 1), text("v")]));
  // header { cluster_id: 2^64 - 1, member_id: 5, revision: 300, raft_term: 2 }, and a field that is not known
  const header = Buffer.of(0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0x10, 5, 0x18, 0xac, 2, 0x20, 2);
  const answer = Buffer.concat([Buffer.of(0x0a, header.length), header, Buffer.of(0x7d, 1, 2, 3, 4)]);
  assert.equal(putMethod.responseDeserialize(answer), 300);
});

test("statusMethod reads who answers and who leads, numbers of 64 bits whole", () => {
  assert.equal(statusMethod.path, "/etcdserverpb.Maintenance/Status");
  assert.equal(statusMethod.requestSerialize(null).length, 0);
  const big = [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1];
  const header = Buffer.of(0x10, ...big);
  const fields = [Buffer.of(0x0a, header.length), header, Buffer.of(0x12, 6), text("3.4.23"), Buffer.of(0x20, ...big)];
  const status = statusMethod.responseDeserialize(Buffer.concat(fields));
  assert.deepEqual(status, { member: "9223372036854775809", leader: "9223372036854775809", version: "3.4.23" });
});
