// What agents report: what is taken, what is cut, and what is refused with its field, value and limit.

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { OwnershipState } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import { GroupReportSchema } from "../../../proto/gen/bailiwick/v1/node_service_pb.ts";
import { ComponentState, PerformanceSampleSchema } from "../../../proto/gen/bailiwick/v1/status_pb.ts";
import { toNodeId } from "../../../proto/ids.ts";
import { readGroupReports, readOwnNode, readSample } from "../../../server/api/convert/reports.ts";

const place = { node: toNodeId("n202"), nowMs: 9_000 };

type ReportInit = Exclude<MessageInitShape<typeof GroupReportSchema>, { $typeName: string }>;
type ResourceInit = NonNullable<ReportInit["resources"]>[number];

function reportOf(changes: ReportInit = {}): ReportInit {
  return { group: "rg220", epoch: 5n, renew: true, state: OwnershipState.ONLINE, ...changes };
}

function read(...reports: readonly ReportInit[]) {
  return readGroupReports(
    reports.map((report) => create(GroupReportSchema, report)),
    place,
  );
}

function refusal(field: string, message: RegExp) {
  return (reason: unknown) => {
    const { code, details, message: text } = reason as { code: string; details: { field: string }; message: string };
    assert.deepEqual([code, details.field], ["invalid_argument", field]);
    assert.match(text, message);
    return true;
  };
}

test("readGroupReports() takes over what an agent says, and its own time where the agent says none", () => {
  const resources: ResourceInit[] = [
    {
      ...{ resource: "data", node: "n202", state: ComponentState.DEGRADED, epoch: 5n, why: "slow" },
      ...{ exitStatus: 7, restarts: 2, time: { seconds: 8n, nanos: 5_000_000 }, since: { seconds: 3n } },
    },
    { resource: "postgres", state: ComponentState.OFFLINE },
  ];
  const common = { group: "rg220", renews: true, state: "online", fence: null };
  assert.deepEqual(read(reportOf({ resources })), [
    {
      ...common,
      epoch: 5,
      resources: [
        {
          ...{ resource: "data", state: "degraded", epoch: 5, reason: "slow", exitStatus: 7, restarts: 2 },
          ...{ atMs: 8_005, sinceMs: 3_000 },
        },
        {
          ...{ resource: "postgres", state: "offline", epoch: 0, reason: "", exitStatus: 0, restarts: 0 },
          ...{ atMs: 9_000, sinceMs: 9_000 },
        },
      ],
    },
  ]);
});

test("readGroupReports() refuses what the schema does not allow, and names it", () => {
  const withResource = (resource: ResourceInit) => () =>
    read(reportOf({ resources: [{ resource: "data", state: ComponentState.ONLINE, ...resource }] }));
  const many = (count: number) => Array.from({ length: count }, (_, at) => reportOf({ group: `g${at}` }));
  assert.equal(read(...many(16_384)).length, 16_384);
  assert.throws(() => read(...many(16_385)), refusal("groups", /are 16385, the limit is 16384/));
  assert.throws(() => read(reportOf(), reportOf()), refusal("groups", /rg220 twice/));
  assert.throws(() => read(reportOf({ group: "" })), refusal("groups[0].group", /missing/));
  const states = [OwnershipState.UNSPECIFIED, OwnershipState.SUSPENDED];
  for (const state of states) {
    assert.throws(
      () => read(reportOf({ state })),
      refusal("groups[0].state", new RegExp(`is ${state}, .*3 \\(ONLINE\\)`)),
    );
  }
  const resources = Array.from({ length: 257 }, (_, at) => ({ resource: `r${at}`, state: ComponentState.ONLINE }));
  assert.throws(() => read(reportOf({ resources })), refusal("groups[0].resources", /are 257, the limit is 256/));
  assert.equal(read(reportOf({ resources: resources.slice(1) }))[0]?.resources.length, 256);
  const twice = resources.slice(0, 1).concat(resources.slice(0, 1));
  assert.throws(() => read(reportOf({ resources: twice })), refusal("groups[0].resources", /r0 twice/));
  const at = "groups[0].resources[0]";
  assert.throws(withResource({ resource: "a b" }), refusal(`${at}.resource`, /"a b"/));
  assert.throws(
    withResource({ node: "n208" }),
    refusal(`${at}.node`, /"n208", it must be the one that is called: n202/),
  );
  assert.throws(withResource({ state: 0 }), refusal(`${at}.state`, /is 0, it must be from 1/));
  assert.throws(withResource({ exitStatus: -1 }), refusal(`${at}.exit_status`, /is -1, the least is 0/));
  assert.throws(withResource({ why: "é".repeat(513) }), refusal(`${at}.why`, /1026 bytes, the limit is 1024/));
  assert.throws(withResource({ time: { seconds: -5n } }), refusal(`${at}.time`, /-5000 ms/));
});

test("readGroupReports() cuts reasons to what is kept, and never within a character", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 90, maxLength: 250 }), (why) => {
      const resources = [{ resource: "data", state: ComponentState.ONLINE, why }];
      const reason = read(reportOf({ resources }))[0]?.resources[0]?.reason ?? "";
      assert.ok(reason.length <= 200);
      if (why.length <= 200) assert.equal(reason, why);
      else assert.ok(why.startsWith(reason.slice(0, -3)) && reason.endsWith("..."));
      assert.ok(reason.isWellFormed() || !why.isWellFormed());
    }),
    { numRuns: 30 },
  );
});

test("readSample() takes amounts by dimension, of the node that is called alone", () => {
  const sample = (fields: MessageInitShape<typeof PerformanceSampleSchema>) =>
    readSample(create(PerformanceSampleSchema, fields), place);
  assert.deepEqual(sample({ node: "n202", ageMs: 40, load: { cpu: 3n }, capacity: { cpu: 16n, memoryMib: 64n } }), {
    ...{ node: "n202", atMs: 9_000, ageMs: 40 },
    load: new Map([["cpu", 3]]),
    capacity: new Map([
      ["cpu", 16],
      ["memoryMib", 64],
    ]),
  });
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`d${at}`, 1n]));
  assert.equal(sample({ node: "n202", load: many(16) }).load.size, 16);
  assert.throws(() => sample({ node: "n202", load: many(17) }), refusal("sample.load", /are 17, the limit is 16/));
  assert.throws(() => sample({ node: "n202", capacity: many(17) }), refusal("sample.capacity", /are 17/));
  assert.throws(() => sample({ node: "n202", load: { "": 1n } }), refusal("sample.load", /""/));
  assert.throws(() => sample({ node: "n202", load: { cpu: 2n ** 60n } }), refusal("sample.load.cpu", /2\^53 - 1/));
  assert.throws(
    () => sample({ node: "n208" }),
    refusal("sample.node", /"n208", it must be the one that is called: n202/),
  );
  assert.throws(() => readOwnNode("", "node", place.node), refusal("node", /missing/));
});
