import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ActionContext,
  commandFor,
  judge,
  killCommand,
  provesStopped,
  reasonIn,
} from "../../../client/agent/actions.ts";
import { parseAgentConfig } from "../../../client/agent/agent-config.ts";
import { refuse } from "../../../client/agent/allow-list.ts";
import type { RunnerSpec } from "../../../client/agent/run-spec.ts";
import { DbError } from "../../../proto/errors.ts";
import { exec, foreground, ocf, outcome, resource, spec, systemd } from "./specs.ts";

const allow = { exec: ["/ctl"], systemd: ["postgresql.service"], ocf: ["heartbeat:IPaddr2"], environment: ["PORT"] };

function refusalOf(runner: RunnerSpec): string | null {
  return refuse(allow, spec([resource("db", { runner })]))?.why ?? null;
}

test("what is on the allow-list may be run", () => {
  for (const runner of [exec, { ...exec, environment: { PORT: "1" } }, systemd, ocf]) {
    assert.equal(refusalOf(runner), null);
  }
});

const refusals: readonly (readonly [string, RunnerSpec, RegExp])[] = [
  ["a program", { ...exec, start: ["/bin/sh", "-c", "id"] }, /"\/bin\/sh" is not in allow\.exec/],
  ["a program by a relative path", { ...exec, start: ["ctl"] }, /"ctl" is not in allow\.exec/],
  ["a path that only begins like one", { ...exec, start: ["/ctl/../bin/sh"] }, /is not in allow\.exec/],
  ["a stop command", { ...exec, stop: ["/bin/rm", "-rf"] }, /"\/bin\/rm" is not in allow\.exec/],
  ["a monitor command", { ...exec, monitor: ["/bin/true"] }, /"\/bin\/true" is not in allow\.exec/],
  ["a variable", { ...exec, environment: { LD_PRELOAD: "/tmp/x.so" } }, /"LD_PRELOAD" is not in allow\.environment/],
  ["a unit", { type: "systemd", unit: "sshd.service" }, /"sshd\.service" is not in allow\.systemd/],
  ["a resource agent", { ...ocf, agent: "heartbeat:anything" }, /"heartbeat:anything" is not in allow\.ocf/],
  ["no start command", { ...exec, start: [] }, /no start command/],
  ["no stop command", { ...exec, stop: [] }, /no stop command/],
];

for (const [what, runner, expected] of refusals) {
  test(`${what} that is not allowed is refused with its reason`, () => assert.match(refusalOf(runner) ?? "", expected));
}

const context: ActionContext = {
  node: "n202",
  group: "orders",
  epoch: 7,
  mark: "g1-orders",
  systemctl: "/usr/bin/systemctl",
  ocfRoot: "/usr/lib/ocf",
  environment: { PATH: "/bin", TZ: "UTC" },
};

test("a command gets the group's variables and its mark, and cannot set them itself; others count before the agent's own", () => {
  const runner = { ...exec, environment: { PORT: "5432", BAILIWICK_GUARD: "none", TZ: "Europe/Berlin" } };
  assert.deepEqual(commandFor("start", resource("db", { runner }), context), {
    file: "/ctl",
    args: ["start"],
    environment: {
      PORT: "5432",
      PATH: "/bin",
      TZ: "Europe/Berlin",
      BAILIWICK_GROUP: "orders",
      BAILIWICK_NODE: "n202",
      BAILIWICK_RESOURCE: "db",
      BAILIWICK_ACTION: "start",
      BAILIWICK_EPOCH: "7",
      BAILIWICK_GUARD: "g1-orders",
    },
    timeoutMs: 60_000,
  });
});

test("a resource agent gets what its specification promises", () => {
  const command = commandFor("monitor", resource("ip", { runner: ocf, monitorDepth: 10 }), context);
  assert.equal(command?.file, "/usr/lib/ocf/resource.d/heartbeat/IPaddr2");
  assert.deepEqual(command?.args, ["monitor"]);
  const { environment = {} } = command ?? {};
  assert.equal(environment["OCF_ROOT"], "/usr/lib/ocf");
  assert.equal(environment["OCF_RESKEY_ip"], "192.0.2.10");
  assert.equal(environment["OCF_RESOURCE_INSTANCE"], "ip");
  assert.equal(environment["OCF_RESOURCE_TYPE"], "IPaddr2");
  assert.equal(environment["OCF_CHECK_LEVEL"], "10");
  assert.equal(environment["OCF_RESKEY_CRM_meta_interval"], "10000");
});

test("a unit is started, stopped and asked for by the service manager, which also kills it", () => {
  const unit = resource("db", { runner: systemd });
  assert.deepEqual(commandFor("start", unit, context)?.args, ["start", "postgresql.service"]);
  assert.deepEqual(commandFor("monitor", unit, context)?.args, ["is-active", "postgresql.service"]);
  assert.deepEqual(killCommand(unit, context)?.args, ["kill", "--signal=SIGKILL", "postgresql.service"]);
  assert.equal(killCommand(resource("app", { runner: foreground }), context), null);
});

test("a monitor's 7 is a clean stop of every class, and the service manager says that with 3", () => {
  const judged = (runner: RunnerSpec, exitStatus: number) =>
    judge("monitor", resource("r", { runner }), outcome({ exitStatus, why: "inactive" })).type;
  assert.deepEqual([judged(exec, 7), judged(ocf, 7), judged(systemd, 3)], ["notRunning", "notRunning", "notRunning"]);
  assert.deepEqual([judged(exec, 1), judged(ocf, 9), judged(systemd, 1)], ["failed", "failed", "failed"]);
});

test("a unit that is being stopped or started is not stopped", () => {
  const unit = resource("db", { runner: systemd });
  const says = (why: string) => provesStopped(unit, outcome({ exitStatus: 3, why }));
  assert.deepEqual(["inactive", "failed"].map(says), [true, true]);
  assert.deepEqual(["deactivating", "activating", ""].map(says), [false, false, false]);
});

test("a resource agent that is not installed proves a stop, and one that could not be executed proves nothing", () => {
  const address = resource("ip", { runner: ocf });
  assert.equal(provesStopped(address, outcome({ exitStatus: 5 })), true);
  assert.equal(provesStopped(address, outcome({ exitStatus: 5, isExecuted: false })), false);
});

test("the reason of a failure is what follows ocf-exit-reason, or else the last line", () => {
  assert.equal(reasonIn("noise\nocf-exit-reason:no device\nmore\nocf-exit-reason: twice\n"), "no device; twice");
  assert.equal(reasonIn("one\ntwo\n\n"), "two");
  assert.equal(reasonIn(""), "");
  assert.ok(Buffer.byteLength(reasonIn("é".repeat(2_000))) <= 1_024);
});

test("an agent's file has defaults for all but its node and what is allowed", () => {
  assert.deepEqual(parseAgentConfig("node: n202\nallow: {exec: [/ctl]}\n", "agent.yaml"), {
    node: "n202",
    endpoints: ["127.0.0.1:7401"],
    allow: { exec: ["/ctl"], systemd: [], ocf: [], environment: [] },
    systemctl: "/usr/bin/systemctl",
    ocfRoot: "/usr/lib/ocf",
    stateDirectory: "/run/bailiwick-agent/n202",
  });
});

const badFiles: readonly (readonly [string, RegExp])[] = [
  ["node: n202\n", /^agent\.yaml: allow is missing/],
  ["allow: {}\n", /^agent\.yaml: node is missing/],
  ["node: N 2\nallow: {}\n", /node is "N 2", and must be the name of a node: 1 to 63 of a-z/],
  ["node: 2n\nallow: {}\n", /node is "2n", and must be the name of a node/],
  ["node: n202\nallow: {exec: [ctl]}\n", /allow\.exec\.0 is "ctl", and must be an absolute path/],
  ["node: n202\nallow: {systemd: [postgresql]}\n", /allow\.systemd\.0 is "postgresql", and must be a unit/],
  ["node: n202\nallow: {ocf: ['heartbeat:../../bin/sh']}\n", /allow\.ocf\.0 is .* must be provider:type/],
  ["node: n202\nallow: {ocf: ['..:sh']}\n", /must be provider:type/],
  ["node: n202\nallow: {environment: [BAILIWICK_GUARD]}\n", /must be the name of a variable/],
  ["node: n202\nallow: {shell: [/bin/sh]}\n", /has the key allow\.shell, which is not known/],
  ["- a\n", /^agent\.yaml is no list of fields/],
  ["node: [\n", /^agent\.yaml is not YAML/],
];

for (const [text, expected] of badFiles) {
  test(`an agent's file is refused: ${expected.source}`, () => {
    assert.throws(
      () => parseAgentConfig(text, "agent.yaml"),
      (error) => error instanceof DbError && error.code === "invalid_argument" && expected.test(error.message),
    );
  });
}
