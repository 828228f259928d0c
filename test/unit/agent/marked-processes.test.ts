// What a guard kills, in the world.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bootClock } from "../../../client/agent/boot-clock.ts";
import { GuardHost } from "../../../client/agent/guard-host.ts";
import type { FromGuard } from "../../../client/agent/guard-messages.ts";
import { StateDirectory } from "../../../client/agent/state-directory.ts";
import { resource, spec, systemd } from "./specs.ts";

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
