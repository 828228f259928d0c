// What a guard kills, in the world.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bootClock } from "../../../client/agent/boot-clock.ts";
import type { LeftoverGroup } from "../../../client/agent/guard.ts";
import { GuardHost } from "../../../client/agent/guard-host.ts";
import type { FromGuard } from "../../../client/agent/guard-messages.ts";
import { decodeHeld } from "../../../client/agent/held-groups.ts";
import { adopt, identify } from "../../../client/agent/process-id.ts";
import type { ActionOutcome } from "../../../client/agent/run-spec.ts";
import { StateDirectory } from "../../../client/agent/state-directory.ts";
import { isAlive } from "../../e2e/support/agent-setting.ts";
import { waitFor } from "../../e2e/support/wait.ts";
import { exec, foreground, resource, spec, systemd } from "./specs.ts";

test("processes are killed while the service manager is still asked to kill its own", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-kill-"));
  const marks = { BAILIWICK_GUARD: "kill-test-orders", BAILIWICK_RESOURCE: "db" };
  const marked = spawn("/bin/sleep", ["60"], { env: marks, stdio: "ignore" });
  const systemctl = join(directory, "systemctl");
  const wait = `while kill -0 ${marked.pid} 2>/dev/null; do sleep 0.02; done`;
  writeFileSync(systemctl, `#!/bin/sh\n${wait}\necho gone > ${directory}/gone\n`);
  chmodSync(systemctl, 0o755);
  const { promise: killed, resolve } = Promise.withResolvers<void>();
  const tell = (message: FromGuard) => (message.type === "killed" ? resolve() : undefined);
  const state = new StateDirectory(directory);
  const host = new GuardHost({ directory: state, id: "kill-test", clock: bootClock, tell, log: () => {} });
  host.greet("n202", { systemctl, ocfRoot: "/usr/lib/ocf" });
  const nowMs = bootClock.nowMs();
  const right = { stopAtMs: nowMs + 60_000, killAtMs: nowMs + 65_000 };
  host.step({ type: "hold", spec: spec([resource("db", { runner: systemd })]), right });
  host.step({ type: "kill", group: "orders", epoch: 7, resource: "db" });
  await killed;
  host.close();
  assert.ok(existsSync(join(directory, "gone")), "it was waited for the service manager first");
  rmSync(directory, { recursive: true });
});

/** A program that hides its environment, as many servers do that show their state in the list of processes. */
async function hidden(): Promise<Hidden> {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-hidden-"));
  const marks = { BAILIWICK_GUARD: "hidden-test-orders", BAILIWICK_RESOURCE: "app", BAILIWICK_ACTION: "start" };
  const { pid = 0 } = spawn("env", ["-i", "sleep", "60"], {
    env: { ...process.env, ...marks },
    detached: true,
    stdio: "ignore",
  });
  await waitFor("a hidden environment", 5_000, () =>
    textOf(`/proc/${pid}/cmdline`).startsWith("sleep") ? true : null,
  );
  const group = { spec: spec([resource("app", { runner: foreground })]), stopBudgetMs: 5_000 };
  return { directory, pid, group };
}

interface Hidden {
  readonly directory: string;
  readonly pid: number;
  readonly group: Pick<LeftoverGroup, "spec" | "stopBudgetMs">;
}

/** How the stop by a guard that takes over these groups was told. */
async function stopped({ directory }: Hidden, groups: readonly LeftoverGroup[]): Promise<ActionOutcome> {
  const { promise, resolve } = Promise.withResolvers<ActionOutcome>();
  const tell = (message: FromGuard) => (message.type === "done" ? resolve(message.outcome) : undefined);
  const state = new StateDirectory(directory);
  const host = new GuardHost({ directory: state, id: "hidden-test", clock: bootClock, tell, log: () => {} });
  host.takeOver(groups, "The guard before has ended");
  const outcome = await promise;
  host.close();
  return outcome;
}

test("a foreground program that hides its environment is ended by the guard after the one that started it", async () => {
  const left = await hidden();
  const children = [{ resource: "app", process: identify(left.pid) }];
  const { exitStatus, why } = await stopped(left, [{ ...left.group, starting: [], children, killAtMs: null }]);
  const isGone = !isAlive(left.pid);
  if (!isGone) process.kill(left.pid, "SIGKILL");
  rmSync(left.directory, { recursive: true });
  assert.deepEqual([exitStatus, why, isGone], [0, "", true]);
});

test("a foreground program that hides its environment, of which an earlier guard has written nothing down, is not told as stopped", async () => {
  const left = await hidden();
  const earlier = decodeHeld(JSON.stringify({ boot: "b1", groups: [left.group] }));
  assert.equal(earlier.type, "intact");
  const { exitStatus, why } = await stopped(left, earlier.type === "intact" ? earlier.held.groups : []);
  process.kill(left.pid, "SIGKILL");
  rmSync(left.directory, { recursive: true });
  assert.equal(exitStatus, 1);
  assert.match(why, /not known to be stopped/);
});

test("a guard that has handed over does nothing by itself any more, also after what was under way has ended", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-closed-"));
  const told: FromGuard[] = [];
  const parts = { directory: new StateDirectory(directory), id: "closed-test", clock: bootClock, log: () => {} };
  const host = new GuardHost({ ...parts, tell: (message) => void told.push(message) });
  const runner = { ...exec, start: ["/bin/sleep", "0.1"], stop: ["/bin/true"] };
  const endMs = bootClock.nowMs() + 500;
  host.step({ type: "hold", spec: spec([resource("db", { runner })]), right: { stopAtMs: endMs, killAtMs: endMs } });
  host.step({ type: "act", group: "orders", epoch: 7, resource: "db", action: "start" });
  host.close();
  await bootClock.sleep(700);
  rmSync(directory, { recursive: true });
  assert.deepEqual(
    told.map(({ type }) => type),
    ["done"],
  );
});

test("a process whose id was given anew is left alone by the guard that looks for the one before", async () => {
  const other = spawn("/bin/sleep", ["60"], { detached: true, stdio: "ignore" });
  const { pid = 0 } = other;
  const { startTicks = 0 } = identify(pid) ?? {};
  const adopted = adopt({ pid, startTicks: startTicks - 1 }, (ms) => bootClock.sleep(ms));
  adopted.signal("SIGKILL");
  assert.equal(await adopted.ended, 0);
  assert.ok(isAlive(pid));
  other.kill("SIGKILL");
});

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}
