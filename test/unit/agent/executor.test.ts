import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { agentLimits } from "../../../client/agent/agent-limits.ts";
import { bootClock } from "../../../client/agent/boot-clock.ts";
import { execute, executeForeground } from "../../../client/agent/executor.ts";
import { GuardHost } from "../../../client/agent/guard-host.ts";
import type { FromGuard } from "../../../client/agent/guard-messages.ts";
import { Programs } from "../../../client/agent/programs.ts";
import { StateDirectory } from "../../../client/agent/state-directory.ts";
import { exec, resource, spec } from "./specs.ts";

/** A process that has ended may be there until its parent has asked for it. */
function runs(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

test("what a foreground process leaves in its process group is killed when it ends", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-executor-"));
  const file = join(directory, "pid");
  const args = ["-c", `sleep 600 & echo $! > ${file}`];
  const { ended } = executeForeground({ file: "/bin/sh", args, environment: { PATH: "/bin:/usr/bin" }, timeoutMs: 0 });
  assert.equal((await ended).exitStatus, 0);
  const pid = readFileSync(file, "latin1").trim();
  for (let tries = 0; tries < 1_000 && runs(pid); tries++) await sleep(20);
  assert.equal(runs(pid), false);
  rmSync(directory, { recursive: true });
});

test("what a program says on standard output tells of its failure where that is asked for", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-executor-"));
  const run = (script: string, isOutputRead: boolean) => {
    const command = { file: "/bin/sh", args: ["-c", script], environment: {}, timeoutMs: 5_000, isOutputRead };
    return execute(command, join(directory, "said")).ended;
  };
  assert.equal((await run("echo deactivating; exit 3", true)).why, "deactivating");
  assert.equal((await run("echo deactivating; exit 3", false)).why, "");
  assert.equal((await run("echo active", true)).why, "");
  rmSync(directory, { recursive: true });
});

test("a program is run where what it says cannot be kept", async () => {
  const command = { file: "/bin/sh", args: ["-c", "echo no >&2; exit 3"], environment: {}, timeoutMs: 5_000 };
  const { exitStatus, isExecuted } = await execute(command, "/dev/null/stderr").ended;
  assert.deepEqual([exitStatus, isExecuted], [3, true]);
});

test("a program that SIGKILL does not end is told as late, and none is begun in its place until it has ended", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const kills = t.mock.method(process, "kill", () => true);
  const programs = new Programs();
  const run = (script: string) => {
    const command = { file: "/bin/sh", args: ["-c", script], environment: {}, timeoutMs: 1_000 };
    return programs.execute("orders/db", command, "/dev/null/stderr");
  };
  const hung = run("exec sleep 600");
  t.mock.timers.tick(1_000);
  t.mock.timers.tick(agentLimits.killPatienceMs);
  assert.deepEqual([(await hung).exitStatus, (await hung).isLate], [null, true]);
  assert.deepEqual([programs.isLeft("orders/db"), (await run("exit 0")).isExecuted], [true, false]);
  const [group = 0] = kills.mock.calls.at(-1)?.arguments ?? [];
  kills.mock.restore();
  t.mock.timers.reset();
  process.kill(group, "SIGKILL");
  for (let tries = 0; tries < 1_000 && programs.isLeft("orders/db"); tries++) await sleep(20);
  assert.equal((await run("exit 0")).exitStatus, 0);
});

test("programs are all killed at once, two that act on the same too", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-programs-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const programs = new Programs();
  const command = { file: "/bin/sleep", args: ["600"], environment: {}, timeoutMs: 5_000 };
  const both = [1, 2].map(() => programs.execute("orders/db", command, join(directory, "stderr")));
  programs.killAll();
  const outcomes = await Promise.all(both);
  assert.deepEqual(
    outcomes.map(({ isLate, why }) => [isLate, why]),
    [
      [false, "Ended by SIGKILL"],
      [false, "Ended by SIGKILL"],
    ],
  );
});

test("a resource is not stopped while its start is there, which SIGKILL does not end: it might finish after the stop", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const kills = t.mock.method(process, "kill", () => true);
  const directory = new StateDirectory(mkdtempSync(join(tmpdir(), "bailiwick-executor-")));
  const told: FromGuard[] = [];
  const host = new GuardHost({
    directory,
    id: "g1",
    clock: bootClock,
    tell: (one) => void told.push(one),
    log: () => {},
  });
  const runner = { ...exec, start: ["/bin/sleep", "600"], stop: ["/bin/true"] };
  const nowMs = bootClock.nowMs();
  const right = { stopAtMs: nowMs + 60_000, killAtMs: nowMs + 65_000 };
  host.step({ type: "hold", spec: spec([resource("db", { runner })]), right });
  const act = { type: "act", group: "orders", epoch: 7, resource: "db" } as const;
  host.step({ ...act, action: "start" });
  for (const ms of [60_000, agentLimits.killPatienceMs]) t.mock.timers.tick(ms);
  while (told.length === 0) await setImmediate();
  host.step({ ...act, action: "stop" });
  while (told.length === 1) await setImmediate();
  const how = told.map((one) =>
    one.type === "done" ? [one.action, one.outcome.exitStatus, one.outcome.isExecuted] : [],
  );
  host.close();
  const [group = 0] = kills.mock.calls.at(-1)?.arguments ?? [];
  kills.mock.restore();
  process.kill(group, "SIGKILL");
  rmSync(directory.path, { recursive: true });
  assert.deepEqual(how, [
    ["start", null, true],
    ["stop", 1, false],
  ]);
});
