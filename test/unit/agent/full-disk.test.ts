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
  override writeGroups(): void {
    throw new Error("ENOSPC: no space left on device");
  }
}

test("a guard that cannot write down a group does not hold it, and lives on", () => {
  const told: FromGuard[] = [];
  const directory = new FullDirectory("/nowhere");
  const host = new GuardHost({
    directory,
    id: "g1",
    clock: bootClock,
    tell: (one) => void told.push(one),
    log: () => {},
  });
  const nowMs = bootClock.nowMs();
  host.step({ type: "hold", spec: spec(["db"]), right: { stopAtMs: nowMs + 60_000, killAtMs: nowMs + 65_000 } });
  host.step({ type: "act", group: "orders", epoch: 7, resource: "db", action: "start" });
  host.close();
  const [refusal, start] = told;
  assert.match(refusal?.type === "seized" ? refusal.why : "", /ENOSPC/);
  assert.equal(start?.type === "done" && start.outcome.isExecuted, false);
  assert.ok(host.isIdle);
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
