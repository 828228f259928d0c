import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bootClock } from "../../../client/agent/boot-clock.ts";
import { GuardHost } from "../../../client/agent/guard-host.ts";
import type { FromGuard } from "../../../client/agent/guard-messages.ts";
import { StateDirectory } from "../../../client/agent/state-directory.ts";
import { spec } from "./specs.ts";

class FullDirectory extends StateDirectory {
  isFull = true;

  override writeGroups(): void {
    if (this.isFull) throw new Error("ENOSPC: no space left on device");
  }
}

/** What it tells is kept. */
function hostOf(directory: StateDirectory, told: FromGuard[]): GuardHost {
  const tell = (one: FromGuard) => void told.push(one);
  return new GuardHost({ directory, id: "g1", clock: bootClock, tell, log: () => {} });
}

function hold(host: GuardHost): void {
  const nowMs = bootClock.nowMs();
  host.step({ type: "hold", spec: spec(["db"]), right: { stopAtMs: nowMs + 60_000, killAtMs: nowMs + 65_000 } });
}

test("a guard that cannot write down a group does not hold it, and lives on", () => {
  const told: FromGuard[] = [];
  const host = hostOf(new FullDirectory("/nowhere"), told);
  hold(host);
  host.step({ type: "act", group: "orders", epoch: 7, resource: "db", action: "start" });
  host.close();
  const [refusal, start] = told;
  assert.match(refusal?.type === "seized" ? refusal.why : "", /ENOSPC/);
  assert.equal(start?.type === "done" && start.outcome.isExecuted, false);
  assert.ok(host.isIdle);
});

test("a guard that cannot write down that a start is under way does not begin it", () => {
  const told: FromGuard[] = [];
  const directory = new FullDirectory("/nowhere");
  directory.isFull = false;
  const host = hostOf(directory, told);
  hold(host);
  directory.isFull = true;
  host.step({ type: "act", group: "orders", epoch: 7, resource: "db", action: "start" });
  host.close();
  const [start] = told;
  assert.equal(start?.type === "done" && start.outcome.isExecuted, false);
  assert.match(start?.type === "done" ? start.outcome.why : "", /ENOSPC/);
  assert.ok(host.isSettled);
});

test("a guard whose log is on a full disk serves", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-guard-"));
  const script = fileURLToPath(new URL("../../../client/agent/guard-main.ts", import.meta.url));
  const stderr = openSync("/dev/full", "a");
  const guard = spawn(process.execPath, [script, directory], { stdio: ["ignore", "ignore", stderr] });
  for (let tries = 0; tries < 200 && !existsSync(join(directory, "guard.sock")); tries++) await sleep(50);
  await sleep(500);
  assert.equal(guard.exitCode, null);
  guard.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});
