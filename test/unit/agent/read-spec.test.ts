import assert from "node:assert/strict";
import { test } from "node:test";
import { readSpec } from "../../../client/agent/read-spec.ts";
import { GroupConfigSchema } from "../../../proto/gen/bailiwick/v1/group_config_pb.ts";
import { fromPlainJson } from "../../../proto/plain-json.ts";

test("a group without a configuration runs nothing", () => {
  const read = readSpec("orders", 7, undefined);
  assert.deepEqual([read.resources, read.dependencies, read.clockRateError], [[], [], 0.05]);
});

test("what a resource leaves out has the defaults of the schema", () => {
  const config = fromPlainJson(GroupConfigSchema, {
    resources: [{ name: "db", application: {}, run: { systemd: { unit: "db.service" } } }],
  });
  assert.deepEqual(readSpec("orders", 7, config).resources, [
    {
      name: "db",
      runner: { type: "systemd", unit: "db.service" },
      startTimeoutMs: 60_000,
      stopTimeoutMs: 5_000,
      monitorIntervalMs: 10_000,
      monitorTimeoutMs: 20_000,
      monitorDepth: 0,
      restartsMax: 1,
      isCritical: true,
    },
  ]);
});

test("what a resource and its dependencies say is read", () => {
  const config = fromPlainJson(GroupConfigSchema, {
    resources: [
      { name: "disk", disk: { identity: "wwn-1" } },
      {
        name: "db",
        application: {},
        run: { exec: { start: ["/db"], foreground: true, environment: { PORT: "1" } } },
        stopTimeoutMs: 500,
        restartsMax: 0,
        critical: false,
        monitor: { intervalMs: 200, timeoutMs: 300, depth: 20 },
      },
    ],
    dependencies: [
      { resource: "db", needs: ["disk"], requirement: "any_of", strength: "soft", startTimeoutMs: 5, stopTimeoutMs: 6 },
    ],
    lease: { ttlMs: 4_000, renewIntervalMs: 200, clockRateErrorPercent: 10 },
  });
  const { resources, dependencies, clockRateError, renewIntervalMs } = readSpec("orders", 7, config);
  const [disk, db] = resources;
  assert.equal(disk?.runner, null);
  assert.deepEqual([db?.stopTimeoutMs, db?.restartsMax, db?.isCritical, db?.monitorDepth], [500, 0, false, 20]);
  assert.deepEqual(db?.runner, {
    type: "exec",
    start: ["/db"],
    stop: [],
    monitor: [],
    isForeground: true,
    environment: { PORT: "1" },
  });
  assert.deepEqual(dependencies, [
    { resource: "db", needs: ["disk"], isAnyOf: true, isHard: false, startWaitMs: 5, stopWaitMs: 6 },
  ]);
  assert.deepEqual([clockRateError, renewIntervalMs], [0.1, 200]);
});
